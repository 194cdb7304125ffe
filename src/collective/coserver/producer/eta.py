"""When a job is due, and when it expires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from DateTime import DateTime

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief

MOMENTS = ("eta", "expires")


def with_moment(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of ``JobOptions``, moments of Zope's kind as a ``datetime``.

    One that was written without a zone stays without, and is refused like any other.
    """
    return {name: _to_datetime(name, value) for name, value in said.items()}


def _to_datetime(name: str, value: Any) -> Any:
    if not isinstance(value, DateTime) or name not in MOMENTS:
        return value
    try:
        return value.asdatetime()
    except (ValueError, OverflowError) as error:
        why = f"{name} is {brief(value)}, wanted a moment that can be: {error}."
        raise InvalidJob(why) from error
