"""Who in this process is told that jobs were committed, beside the consumers."""

from __future__ import annotations

from collections.abc import Callable

Listener = Callable[[], None]

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Have the listener called after each commit that has queued jobs, in the thread of that."""
    _listeners.append(listener)


def leave(listener: Listener) -> None:
    """Have it called no more."""
    _listeners.remove(listener)


def tell_committed() -> None:
    """Say that jobs were committed."""
    for listener in tuple(_listeners):
        listener()
