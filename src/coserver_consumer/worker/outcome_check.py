"""Whether an outcome makes sense that a task returned or raised: plugins have no type checker.

Pure. What comes out has plain values in all of its fields, so that nothing which follows from it,
and no statement that writes it, can break over it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from coserver_consumer.model.exception_text import show, words
from coserver_consumer.model.outcome import (
    Cancelled,
    Completed,
    Failed,
    NotTried,
    Obstacle,
    Outcome,
    Released,
    Snoozed,
)

MAX_WAIT_S = 3_155_760_000  # a century
MAX_SHOWN = 200  # characters of a value that makes no sense

CHECKS: dict[str, Callable[[Any], bool]] = {
    "wait": lambda value: value is None or _is_wait(value),
    "retry_after": lambda value: value is None or _is_wait(value),
    "retry": lambda value: isinstance(value, bool),
    "traceback": lambda value: isinstance(value, str | None),
}


def make_sound(said: object) -> Outcome:
    """Return the outcome with plain values; one that makes no sense is a failure that says so.

    Such a failure is final: the task may have done its work, so doing it again would be worse.
    """
    match said:
        case Completed():
            return _make_completed(said)
        case Failed():
            return _make_failed(said)
        case Snoozed():
            is_sound = _is_wait(said.delay)
            return Snoozed(delay=float(said.delay)) if is_sound else _refuse(said, "delay")
        case Cancelled():
            return Cancelled(reason=words(said.reason))
        case NotTried():
            return _make_not_tried(said)
        case _:
            return said if isinstance(said, Released) else _refuse_all(said)


def _make_completed(said: Completed) -> Outcome:
    """Return it with a copy of the result: what the task does to that later comes too late."""
    if said.is_written:
        return Completed(is_written=True, result=said.result)
    try:
        result = json.loads(json.dumps(said.result, allow_nan=False))
    except BaseException as error:  # noqa: BLE001  objects may raise anything
        why = words(error)
        return Failed(
            error=f"The task did its work, but its result isn't JSON: {why}.", retry=False
        )
    return Completed(result=result)


def _make_failed(said: Failed) -> Outcome:
    for name, is_sound in CHECKS.items():
        if not is_sound(getattr(said, name)):
            return _refuse(said, name)
    return Failed(
        error=words(said.error),
        traceback=said.traceback,
        retry=said.retry,
        retry_after=said.retry_after,
        wait=said.wait,
    )


def _refuse_all(said: object) -> Failed:
    return Failed(error=f"The task ended with {_show(said)}, no outcome.", retry=False)


def _make_not_tried(said: Any) -> Outcome:
    if not isinstance(said.obstacle, Obstacle):
        return _refuse(said, "obstacle")
    if not _is_wait(said.delay):
        return _refuse(said, "delay")
    return NotTried(obstacle=said.obstacle, reason=words(said.reason), delay=float(said.delay))


def _refuse(said: Outcome, name: str) -> Failed:
    wanted = {
        "traceback": "text or None",
        "retry": "True or False",
        "obstacle": "an Obstacle",
    }.get(name, f"a number of seconds from 0 to {MAX_WAIT_S}")
    value = _show(getattr(said, name))
    return Failed(
        error=f"The task ended with {type(said).__name__}({name}={value}); wanted {wanted}.",
        retry=False,
    )


def _is_wait(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= MAX_WAIT_S


def _show(value: object) -> str:
    return show(value)[:MAX_SHOWN]
