"""Numbers as people of a language write them."""

from __future__ import annotations

from functools import cache
from typing import Any

from zope.i18n.locales import LoadLocaleError, locales

FALLBACK = "en"
MOST_COUNTED = 20_000  # jobs of a site that are looked at: the newest live ones, and ended ones


@cache
def _format_of(language: str) -> Any:
    """Return the locale's way to write numbers."""
    for known in (language, FALLBACK):
        try:
            return locales.getLocale(*known.split("-")[:1]).numbers.getFormatter("decimal")
        except LoadLocaleError:
            continue
    raise LoadLocaleError(FALLBACK)


def write_number(number: int, language: str, *, is_whole: bool = True) -> str:
    """Return a number with the language's separators between its thousands.

    It has a + if there may be more, since not all were looked at.
    """
    return str(_format_of(language).format(number)) + ("" if is_whole else "+")
