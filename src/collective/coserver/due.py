"""When a job is due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from DateTime import DateTime


def with_moment(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of ``JobOptions``, an ``eta`` of Zope's kind as a ``datetime``.

    One that was written without a zone stays without, and is refused like any other.
    """
    eta = said.get("eta")
    return {**said, "eta": eta.asdatetime()} if isinstance(eta, DateTime) else dict(said)
