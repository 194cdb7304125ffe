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
from coserver_consumer.model.followed import FollowedJob
from coserver_consumer.model.job import State
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.workflow import with_follow_ups


class EagerCalls:
    """The calls that were made: what each returned, by the id that ``delay`` returned.

    ``followed`` are those that the call follows which is being made.
    """

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}
        self.followed: tuple[FollowedJob, ...] = ()

    def make(self, task: RegisteredTask, written: dict[str, Any]) -> str:
        """Call the function in this transaction, with what a job would hand to it.

        What follows it is called behind it, as ``make_all`` does.
        """
        job = NewJob(task="call", args=written, options=task.said)
        _, *following = with_follow_ups([job])
        self._call(job, task, run_as=task.run_as)
        self._call_each(following)
        return job.id

    def make_all(self, jobs: Iterable[NewJob]) -> list[str]:
        """Make the calls that jobs are and those that follow them; return the ids of the former.

        What is to run if one fails isn't called: the error comes through. Raises ``InvalidJob``
        for a job that isn't the call of a function.
        """
        new = [job for job in jobs if not job.only_if_failed]
        self._call_each(with_follow_ups(new))
        return [job.id for job in new]

    def _call_each(self, jobs: Iterable[NewJob]) -> None:
        for job in jobs:
            if job.only_if_failed:
                continue
            if job.task != "call":
                raise InvalidJob(
                    f"Job '{job.title}' can't be made at once: it isn't the call of a function."
                )
            task = registry.find(job.args["function"])
            self._call(job, task, run_as=_find_user(job))

    def _call(self, job: NewJob, task: RegisteredTask, *, run_as: str | None) -> None:
        if job.id in self.results:
            raise InvalidJob(
                f"A call with the id {job.id} was made before, and a job is queued once: give each "
                "an id of its own, or none."
            )
        args, kwargs = read_arguments(job.args)
        before, self.followed = self.followed, tuple(self._find_followed(job))
        try:
            with acting_as(run_as, find_site()):
                returned = task(*args, **kwargs)
                self.results[job.id] = read(write(returned, name="The result"))
        finally:
            self.followed = before

    def _find_followed(self, job: NewJob) -> Iterator[FollowedJob]:
        for parent in dict.fromkeys(job.options.after):
            if parent in self.results:
                result = self.results[parent]
                yield FollowedJob(id=parent, state=State.COMPLETED, read=lambda it=result: it)


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
