"""The parameters of a job's request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from DateTime import DateTime

from coserver_consumer.errors import InvalidJob

Parameters = dict[str, str | list[str]]
Given = Mapping[str, Any] | Iterable[tuple[str, Any]]
# What ``str`` spells as everybody expects; ``None`` and ``True`` as collective.taskqueue did.
PLAIN = (str, int, float, Decimal, date, time, DateTime, UUID, type(None))


def to_parameters(params: Given | None) -> Parameters:
    """Return parameters as JSON: text, or a list of texts for a name that comes several times."""
    pairs = params.items() if isinstance(params, Mapping) else params or ()
    found: Parameters = {}
    for name, value in pairs:
        said = _to_value(name, value)
        found[str(name)] = said if str(name) not in found else _join(found[str(name)], said)
    return found


def _join(before: str | list[str], after: str | list[str]) -> list[str]:
    return [
        text for said in (before, after) for text in (said if isinstance(said, list) else [said])
    ]


def _to_value(name: str, value: Any) -> str | list[str]:
    if isinstance(value, list | tuple):
        return [_to_text(name, item) for item in value]
    return _to_text(name, value)


def _to_text(name: str, value: Any) -> str:
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    if not isinstance(text, PLAIN):
        raise InvalidJob(
            f"Parameter '{name}' is of type {type(value).__qualname__}; a request can bear text, "
            "numbers, dates and lists of them. Pass the path or UID of an object."
        )
    try:
        str(text).encode()
    except UnicodeEncodeError:
        raise InvalidJob(f"Parameter '{name}' isn't text that UTF-8 can spell.") from None
    return str(text)
