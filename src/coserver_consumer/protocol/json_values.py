"""Whether arguments are JSON as they stand, so that what is stored is what was said. Pure.

Signatures cover what is stored. JSON has text alone as keys: it would turn 1 into "1", and make one
key of both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief, brief_text
from coserver_consumer.model.job import Job
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.protocol.codec import MAX_INTEGER_BITS

MAX_DEPTH = 100  # lists and mappings in each other
TOO_DEEP = f"is nested more than {MAX_DEPTH} deep; pass it flatter, or as text"
TOO_LONG = "is a number of more than 4,000 digits; pass it as text"

Fault = tuple[str, list[str]]
"""What is wrong, and the steps that lead there, the last one first."""


def require_json(job: NewJob | Job) -> None:
    """Raise ``InvalidJob`` unless arguments and origin are JSON; it names the part that isn't."""
    if fault := find_fault("args", job.args) or find_fault("origin", job.origin):
        raise InvalidJob(
            f"The arguments of job '{brief_text(job.title or job.task)}' aren't JSON: {fault}. "
            "Pass text, numbers, true, false, null, lists and mappings of these."
        )


def find_fault(name: str, value: Any) -> str | None:
    """Return what isn't JSON in a value of that name, and why; None if all of it is."""
    found = _find_fault(value, MAX_DEPTH)
    if found is None:
        return None
    why, steps = found
    return f"{brief_text(name + ''.join(reversed(steps)))} {why}"


def _find_fault(value: Any, depth: int) -> Fault | None:
    match value:
        case None | str() | bool():
            return None
        case int() | float():
            return _find_odd_number(value)
        case dict() | list() | tuple() if depth == 0:
            return TOO_DEEP, []
        case dict():
            return _find_odd_key(value) or _find_among(value.items(), depth)
        case list() | tuple():
            return _find_among(enumerate(value), depth)
        case _:
            return f"is of type {type(value).__module__}.{type(value).__qualname__}", []


def _find_odd_number(value: float) -> Fault | None:
    if isinstance(value, int):
        return (TOO_LONG, []) if value.bit_length() > MAX_INTEGER_BITS else None
    return None if math.isfinite(value) else (f"is {brief(value)}", [])


def _find_odd_key(value: dict[Any, Any]) -> Fault | None:
    odd = [key for key in value if not isinstance(key, str)]
    return (f"has the key {brief(odd[0])}, and keys are text", []) if odd else None


def _find_among(items: Iterable[tuple[str | int, Any]], depth: int) -> Fault | None:
    for key, item in items:
        if found := _find_fault(item, depth - 1):
            why, steps = found
            return why, [*steps, f"[{key!r}]"]
    return None
