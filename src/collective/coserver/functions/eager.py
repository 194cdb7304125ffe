"""Calls that are made at once instead of being queued: for tests of what a function does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from collective.coserver.functions.calls import read, read_arguments, write
from collective.coserver.functions.run_as import acting_as
from collective.coserver.origin import find_site
from coserver_consumer.job import new_id

if TYPE_CHECKING:
    from collective.coserver.functions.task import Task


class EagerCalls:
    """The calls that were made: what each returned, by the id that ``delay`` returned."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}

    def make(self, task: Task, written: dict[str, Any]) -> str:
        """Call the function in this transaction, with what a job would hand to it."""
        job_id = new_id()
        args, kwargs = read_arguments(written)
        with acting_as(task.run_as, find_site()):
            returned = task(*args, **kwargs)
            self.results[job_id] = read(write(returned, name="The result"))
        return job_id


_current: ContextVar[EagerCalls | None] = ContextVar("eager calls", default=None)


def current() -> EagerCalls | None:
    """Return where calls are made at once now, None if they are queued."""
    return _current.get()


@contextmanager
def eagerly() -> Iterator[EagerCalls]:
    """Make calls at once within the block: no job, no database, and errors come through."""
    calls = EagerCalls()
    token = _current.set(calls)
    try:
        yield calls
    finally:
        _current.reset(token)
