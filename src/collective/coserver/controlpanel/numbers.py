"""Numbers as people of a language write them."""

from __future__ import annotations

from functools import cache
from typing import Any

from zope.i18n.locales import LoadLocaleError, locales

FALLBACK = "en"


@cache
def _format_of(language: str) -> Any:
    """Return the locale's way to write numbers."""
    for known in (language, FALLBACK):
        try:
            return locales.getLocale(*known.split("-")[:1]).numbers.getFormatter("decimal")
        except LoadLocaleError:
            continue
    raise LoadLocaleError(FALLBACK)


def write_number(number: int, language: str) -> str:
    """Return a number with the language's separators between its thousands."""
    return str(_format_of(language).format(number))
