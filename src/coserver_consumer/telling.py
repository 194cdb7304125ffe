"""An outcome in words, as Zope tells it to its consumer where a status can't say it all. Pure."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from coserver_consumer.outcome import Cancelled, Completed, Failed, Outcome, Snoozed

MEDIA_TYPE = "application/vnd.coserver.outcome+json"
NAMES: dict[str, type[Completed | Failed | Snoozed | Cancelled]] = {
    "completed": Completed,
    "failed": Failed,
    "snoozed": Snoozed,
    "cancelled": Cancelled,
}
Told = Completed | Failed | Snoozed | Cancelled


def tell(outcome: Told) -> str:
    """Return the outcome as JSON, in ASCII."""
    said = {"outcome": type(outcome).__name__.lower(), **asdict(outcome)}
    said.pop("is_written", None)  # a header says so, once it is true
    return json.dumps(said)


def hear(said: bytes) -> Outcome | None:
    """Return the outcome that was told, None if it can't be understood, as when it was cut."""
    try:
        fields: dict[str, Any] = json.loads(said)
        outcome = NAMES[fields.pop("outcome")](**fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return outcome if all(_is_wait(wait) for wait in _find_waits(outcome)) else None


def _find_waits(outcome: Outcome) -> list[Any]:
    """Return what is to be a number of seconds."""
    if isinstance(outcome, Snoozed):
        return [outcome.delay]
    if isinstance(outcome, Failed):
        return [wait for wait in (outcome.wait, outcome.retry_after) if wait is not None]
    return []


def _is_wait(delay: Any) -> bool:
    return isinstance(delay, int | float) and math.isfinite(delay) and delay >= 0
