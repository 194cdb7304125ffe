"""Calls that are made at once instead of being queued: for tests of what a function does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from collective.coserver.functions import registry
from collective.coserver.functions.calls import read, read_arguments, write
from collective.coserver.functions.registry import RegisteredTask
from collective.coserver.functions.run_as import acting_as
from collective.coserver.identity.owner import current_owner
from collective.coserver.identity.site import find_site
from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.job import new_id
from coserver_consumer.model.new_job import NewJob


class EagerCalls:
    """The calls that were made: what each returned, by the id that ``delay`` returned."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}

    def make(self, task: RegisteredTask, written: dict[str, Any]) -> str:
        """Call the function in this transaction, with what a job would hand to it."""
        job_id = task.said.id or new_id()
        self._call(job_id, task, written, run_as=task.run_as)
        return job_id

    def make_all(self, jobs: Iterable[NewJob]) -> list[str]:
        """Make the calls that jobs are, in their order; return the ids.

        What is to run if one fails isn't called: the error comes through. Raises ``InvalidJob``
        for a job that isn't the call of a function.
        """
        due = [job for job in jobs if not job.only_if_failed]
        for job in due:
            if job.task != "call":
                raise InvalidJob(
                    f"Job '{job.title}' can't be made at once: it isn't the call of a function."
                )
            task = registry.find(job.args["function"])
            self._call(job.id, task, job.args, run_as=_find_user(job))
        return [job.id for job in due]

    def _call(
        self, job_id: str, task: RegisteredTask, written: dict[str, Any], *, run_as: str | None
    ) -> None:
        args, kwargs = read_arguments(written)
        with acting_as(run_as, find_site()):
            returned = task(*args, **kwargs)
            self.results[job_id] = read(write(returned, name="The result"))


def _find_user(job: NewJob) -> str | None:
    """Return as whom a job runs, None for the user who queues it."""
    owner = None if job.owner == current_owner().id else job.owner
    return job.args.get("run_as") or owner


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
