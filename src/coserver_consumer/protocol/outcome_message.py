"""An outcome as a message, which Zope answers with where a status can't say it all. Pure."""

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
Message = Completed | Failed | Snoozed | Cancelled | NotTried
TYPES: dict[str, type[Message]] = {
    "completed": Completed,
    "failed": Failed,
    "snoozed": Snoozed,
    "cancelled": Cancelled,
    "not_tried": NotTried,
}
NAMES = {kind: name for name, kind in TYPES.items()}


def dump_outcome(outcome: Message, *, limit: int | None = None) -> str:
    """Return the outcome as JSON, in ASCII.

    A failure is cut to ``limit`` characters: the end of its traceback is kept, and then the
    beginning of its error.
    """
    text = _dump(outcome)
    while limit is not None and len(text) > limit and isinstance(outcome, Failed):
        shorter = _shorten(outcome)
        if shorter == outcome:
            break
        outcome, text = shorter, _dump(shorter)
    return text


def load_outcome(message: bytes) -> Outcome | None:
    """Return the outcome, None if the message can't be read, as when it was cut on the way."""
    try:
        fields: dict[str, Any] = json.loads(message)
        outcome = _load(**fields)
    except (ValueError, KeyError, TypeError):
        return None
    return outcome if all(_is_wait(wait) for wait in _find_waits(outcome)) else None


def _dump(outcome: Message) -> str:
    fields = {"outcome": NAMES[type(outcome)], **asdict(outcome)}
    fields.pop("is_written", None)  # a header says so, once it is true
    return json.dumps(fields)


def _shorten(failure: Failed) -> Failed:
    if failure.traceback:
        return replace(failure, traceback=failure.traceback[len(failure.traceback) // 2 + 1 :])
    return replace(failure, error=failure.error[: len(failure.error) // 2 + 1])


def _load(*, outcome: str, **fields: Any) -> Message:
    if outcome == NAMES[NotTried]:
        fields["obstacle"] = Obstacle(fields["obstacle"])
    return TYPES[outcome](**fields)


def _find_waits(outcome: Outcome) -> list[Any]:
    """Return the fields that have to be a number of seconds."""
    if isinstance(outcome, Snoozed | NotTried):
        return [outcome.delay]
    if isinstance(outcome, Failed):
        return [wait for wait in (outcome.wait, outcome.retry_after) if wait is not None]
    return []


def _is_wait(delay: Any) -> bool:
    return isinstance(delay, int | float) and math.isfinite(delay) and delay >= 0
