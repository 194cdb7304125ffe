"""Who in this process is told that jobs were committed, beside the consumers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coserver_consumer.model.new_job import NewJob

Listener = Callable[[Sequence[NewJob]], None]

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Have the listener called after each commit that has queued jobs, in its thread, with them."""
    _listeners.append(listener)


def leave(listener: Listener) -> None:
    """Have it called no more."""
    _listeners.remove(listener)


def tell_committed(jobs: Sequence[NewJob]) -> None:
    """Say that these jobs were committed."""
    for listener in tuple(_listeners):
        listener(jobs)
