"""What a queue can be called, and what is said of a name that no queue has. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from coserver_consumer.model.errors import UnknownQueue
from coserver_consumer.model.exception_text import brief

MAX_QUEUE_NAME_CHARS = 190
MAX_LISTED = 20  # queues in a message
RULE = (
    f"1 to {MAX_QUEUE_NAME_CHARS} printable characters, without commas, "
    "not beginning or ending with a space"
)


def can_name_queue(name: str) -> bool:
    """Return True if a queue can be called that."""
    is_plain = name.isprintable() and name == name.strip() and "," not in name
    return 0 < len(name) <= MAX_QUEUE_NAME_CHARS and is_plain


def unknown_queue(name: str, known: Sequence[str]) -> UnknownQueue:
    """Return the error that says which queues there are, and how this one is made if it can be."""
    listed = ", ".join(known[:MAX_LISTED]) or "none"
    more = f" and {len(known) - MAX_LISTED} more" if len(known) > MAX_LISTED else ""
    said = f"No queue is called {brief(name)}; known are: {listed}{more}."
    if not can_name_queue(name):
        return UnknownQueue(said)
    return UnknownQueue(
        f"{said} Make it with `coserver queues add {shlex.quote(name)}`, or by starting a consumer "
        "that serves it."
    )
