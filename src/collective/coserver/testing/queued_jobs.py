"""What code in Zope has queued, for tests that ask whether it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from collective.coserver.datamanager import pending
from collective.coserver.datamanager.listeners import leave, listen
from collective.coserver.functions.advice import refuse_code
from collective.coserver.functions.task import Task
from collective.coserver.producer.eta import with_moment
from collective.coserver.producer.target import to_aim
from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions, refuse_unknown

Wanted = dict[str, Any]


class QueuedJobs:
    """The jobs that commits have queued, in the order of the commits, and those of this one."""

    def __init__(self) -> None:
        self._committed: list[NewJob] = []

    def note(self, jobs: Sequence[NewJob]) -> None:
        """Note that these were committed."""
        self._committed += jobs

    def forget(self) -> None:
        """Forget what was committed."""
        self._committed.clear()

    def require(
        self, *, task: Task | str | None, path: Any, view: str | None, **options: Any
    ) -> str:
        """Return the id of the first job like this; raise ``AssertionError`` if there is none."""
        refuse_unknown(options, beside=("task", "path", "view"))
        said = _read_options(options) | {"task": _name(task), "path": _to_path(path, view)}
        wanted = {name: value for name, value in said.items() if value is not None}
        for job in self._all():
            if _fits(job, wanted):
                return job.id
        named = ", ".join(f"{name}={value!r}" for name, value in wanted.items())
        raise AssertionError(f"No job was queued with {named or 'anything'}. {self._list()}")

    def require_none(self) -> None:
        """Raise ``AssertionError`` if there is any."""
        if self._all():
            raise AssertionError(f"Nothing was to be queued. {self._list()}")

    def _all(self) -> list[NewJob]:
        return [*self._committed, *pending()]

    def _list(self) -> str:
        told = "".join(f"\n- {_describe(job)}" for job in self._all())
        return f"Queued were:{told}" if told else "Nothing was queued."


@contextmanager
def record() -> Iterator[QueuedJobs]:
    """Give the block what is queued meanwhile, by whichever thread of this process."""
    queued = QueuedJobs()
    listen(queued.note)
    try:
        yield queued
    finally:
        leave(queued.note)


def _name(task: Any) -> str | None:
    if isinstance(task, Task):
        return task.name
    if task is None or isinstance(task, str):
        return task
    raise InvalidJob(
        f"task is {brief(task)}, wanted a function with @task, its dotted name, or the name of "
        "another task."
    )


def _to_path(target: Any, view: str | None) -> str | None:
    """Return the path of a job that ``queue.add`` would make of these."""
    if target is not None:
        refuse_code(target)
        return str(to_aim(target, view).args["path"])
    if view is not None:
        raise InvalidJob("view goes with a path, as in queue.add: say what it is a view of.")
    return None


def _read_options(options: Wanted) -> Wanted:
    """Return the options as a job has them: a list as a tuple, a ``timedelta`` as seconds."""
    kinds = {each.name: each.metadata["type"] for each in fields(JobOptions)}
    return {
        name: None if value is None else kinds[name].read(name, value)
        for name, value in with_moment(options).items()
    }


def _fits(job: NewJob, wanted: Wanted) -> bool:
    return all(value in _values(job, name) for name, value in wanted.items())


def _values(job: NewJob, name: str) -> tuple[Any, ...]:
    """Return what may be said of a job's task, path or option: some have a short form."""
    match name:
        case "task":
            return (job.task, job.args.get("function"))
        case "path":
            path = str(job.args.get("path"))
            return (path, path.partition("?")[0])
        case _:
            return (getattr(job.options, name),)


def _describe(job: NewJob) -> str:
    """Return a job's task, what it is aimed at, and those of its options that were said."""
    aim = job.args.get("function") or job.args.get("path")
    said = {
        each.name: getattr(job.options, each.name)
        for each in fields(JobOptions)
        if getattr(job.options, each.name) not in (each.default, aim)
    }
    words = [f"task={job.task!r}" if aim is None else f"{job.task} {aim}"]
    return ", ".join(words + [f"{name}={value!r}" for name, value in said.items()])
