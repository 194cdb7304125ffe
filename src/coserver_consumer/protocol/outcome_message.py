"""An outcome in words, as Zope tells it to its consumer where a status can't say it all. Pure."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import Any

from coserver_consumer.model.outcome import (
    Cancelled,
    Completed,
    Failed,
    NotTried,
    Obstacle,
    Outcome,
    Snoozed,
)

MEDIA_TYPE = "application/vnd.coserver.outcome+json"
Told = Completed | Failed | Snoozed | Cancelled | NotTried
NAMES: dict[str, type[Told]] = {
    "completed": Completed,
    "failed": Failed,
    "snoozed": Snoozed,
    "cancelled": Cancelled,
    "not_tried": NotTried,
}
WORDS = {kind: name for name, kind in NAMES.items()}


def tell(outcome: Told, *, limit: int | None = None) -> str:
    """Return the outcome as JSON, in ASCII.

    Of a failure with more than ``limit`` characters the end of its traceback is told, then the
    beginning of its error.
    """
    said = _write(outcome)
    while limit is not None and len(said) > limit and isinstance(outcome, Failed):
        shorter = _shorten(outcome)
        if shorter == outcome:
            break
        outcome, said = shorter, _write(shorter)
    return said


def hear(said: bytes) -> Outcome | None:
    """Return the outcome that was told, None if it can't be understood, as when it was cut."""
    try:
        fields: dict[str, Any] = json.loads(said)
        outcome = _read(**fields)
    except (ValueError, KeyError, TypeError):
        return None
    return outcome if all(_is_wait(wait) for wait in _find_waits(outcome)) else None


def _write(outcome: Told) -> str:
    said = {"outcome": WORDS[type(outcome)], **asdict(outcome)}
    said.pop("is_written", None)  # a header says so, once it is true
    return json.dumps(said)


def _shorten(failure: Failed) -> Failed:
    if failure.traceback:
        return replace(failure, traceback=failure.traceback[len(failure.traceback) // 2 + 1 :])
    return replace(failure, error=failure.error[: len(failure.error) // 2 + 1])


def _read(*, outcome: str, **fields: Any) -> Told:
    if outcome == WORDS[NotTried]:
        fields["obstacle"] = Obstacle(fields["obstacle"])
    return NAMES[outcome](**fields)


def _find_waits(outcome: Outcome) -> list[Any]:
    """Return what is to be a number of seconds."""
    if isinstance(outcome, Snoozed | NotTried):
        return [outcome.delay]
    if isinstance(outcome, Failed):
        return [wait for wait in (outcome.wait, outcome.retry_after) if wait is not None]
    return []


def _is_wait(delay: Any) -> bool:
    return isinstance(delay, int | float) and math.isfinite(delay) and delay >= 0
