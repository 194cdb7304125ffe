"""The parameters of a job's request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from DateTime import DateTime

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief

Parameters = dict[str, str | list[str]]
Given = Mapping[str, Any] | Iterable[tuple[str, Any]]
# What ``str`` spells as everybody expects; ``None`` and ``True`` as collective.taskqueue did.
PLAIN = (str, int, float, Decimal, date, time, DateTime, UUID, type(None))


def to_parameters(params: Given | None) -> Parameters:
    """Return parameters as JSON: text, or a list of texts for a name that comes several times."""
    found: Parameters = {}
    for name, value in _to_pairs(params):
        said = _to_value(name, value)
        found[name] = said if name not in found else _join(found[name], said)
    return found


def _to_pairs(params: Any) -> Iterator[tuple[str, Any]]:
    if params is None:
        return
    if isinstance(params, str | bytes) or not isinstance(params, Iterable):
        raise _refuse(params)
    for pair in params.items() if isinstance(params, Mapping) else params:
        if not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004  name and value
            raise _refuse(params)
        yield _to_text(pair[0], f"The name of parameter {brief(pair[0])}"), pair[1]


def _refuse(params: Any) -> InvalidJob:
    return InvalidJob(
        f"params is {brief(params)}, wanted a mapping or pairs of names and values, such as "
        "{'feed': '42'}."
    )


def _join(before: str | list[str], after: str | list[str]) -> list[str]:
    return [
        text for said in (before, after) for text in (said if isinstance(said, list) else [said])
    ]


def _to_value(name: str, value: Any) -> str | list[str]:
    called = f"Parameter '{name}'"
    if isinstance(value, list | tuple):
        return [_to_text(item, called) for item in value]
    return _to_text(value, called)


def _to_text(value: Any, called: str) -> str:
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    if not isinstance(text, PLAIN):
        raise InvalidJob(
            f"{called} is of type {type(value).__qualname__}; a request can bear text, "
            "numbers, dates and lists of them. Pass the path or UID of an object."
        )
    try:
        str(text).encode()
    except UnicodeEncodeError:
        raise InvalidJob(f"{called} isn't text that UTF-8 can spell.") from None
    except ValueError as error:
        raise InvalidJob(f"{called} can't be written as text: {error}.") from None
    return str(text)
