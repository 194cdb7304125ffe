"""When a job is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from DateTime import DateTime

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief


def with_moment(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of ``JobOptions``, an ``eta`` of Zope's kind as a ``datetime``.

    One that was written without a zone stays without, and is refused like any other.
    """
    eta = said.get("eta")
    return {**said, "eta": _to_datetime(eta)} if isinstance(eta, DateTime) else dict(said)


def _to_datetime(eta: DateTime) -> datetime:
    try:
        return eta.asdatetime()
    except (ValueError, OverflowError) as error:
        raise InvalidJob(f"eta is {brief(eta)}, wanted a moment that can be: {error}.") from error
