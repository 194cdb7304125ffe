"""The parameters of a job's request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from coserver_consumer.errors import InvalidJob

Parameters = dict[str, str | list[str]]


def to_parameters(params: Mapping[str, Any] | Iterable[tuple[str, Any]] | None) -> Parameters:
    """Return parameters as JSON: text, or a list of texts for a name that comes several times."""
    return {str(name): _to_value(name, value) for name, value in dict(params or {}).items()}


def _to_value(name: str, value: Any) -> str | list[str]:
    if isinstance(value, list | tuple):
        return [_to_text(name, item) for item in value]
    return _to_text(name, value)


def _to_text(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, str | int | float):
        return str(value)
    raise InvalidJob(
        f"Parameter '{name}' is {value!r}; a request can bear text, numbers and lists of them. "
        "Pass the path or UID of an object."
    )
