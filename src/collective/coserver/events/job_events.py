"""The events as objects, and how they are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zope.event import notify
from zope.interface import classImplements, implementer
from zope.interface.interfaces import ObjectEvent

from collective.coserver.events.interfaces import (
    IJob,
    IJobCancelled,
    IJobEvent,
    IJobExpired,
    IJobFailed,
    IJobProgressed,
    IJobQueued,
    IJobStarted,
    IJobSucceeded,
)
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.outcome import Completed, Outcome

classImplements(Job, IJob)


@implementer(IJobEvent)
class JobEvent(ObjectEvent):  # type: ignore[misc]
    """Something happens to a job."""

    @property
    def job(self) -> Job:
        """The job as it is in this moment."""
        job: Job = self.object
        return job


@implementer(IJobQueued)
class JobQueued(JobEvent):
    """A job is part of the current transaction."""


@implementer(IJobStarted)
class JobStarted(JobEvent):
    """An attempt begins."""


@implementer(IJobProgressed)
class JobProgressed(JobEvent):
    """The job says how far it is."""

    @property
    def fraction(self) -> float | None:
        """How far, from 0 to 1."""
        return self.job.progress

    @property
    def text(self) -> str | None:
        """What is being done."""
        return self.job.progress_text


@implementer(IJobSucceeded)
class JobSucceeded(JobEvent):
    """The job has done its work, and commits."""

    def __init__(self, job: Job, read_result: Callable[[Job], Any]) -> None:
        super().__init__(job)
        self._read_result = read_result

    @property
    def result(self) -> Any:
        """What ``queue.result`` will return; raises as that does."""
        return self._read_result(self.job)


@implementer(IJobFailed)
class JobFailed(JobEvent):
    """The job has failed for good."""


@implementer(IJobCancelled)
class JobCancelled(JobEvent):
    """The job was cancelled."""


@implementer(IJobExpired)
class JobExpired(JobEvent):
    """Nobody has begun the job in time."""


ENDS = {
    State.FAILED: JobFailed,
    State.CANCELLED: JobCancelled,
    State.EXPIRED: JobExpired,
}


def tell_queued(job: Job) -> None:
    """Tell that the current transaction queues the job."""
    notify(JobQueued(job))


def tell_started(job: Job) -> None:
    """Tell that an attempt begins."""
    notify(JobStarted(job))


def tell_progress(job: Job, fraction: float, text: str | None) -> None:
    """Tell how far the job is."""
    notify(JobProgressed(job._replace(progress=fraction, progress_text=text)))


def tell_success(job: Job, outcome: Outcome, read_result: Callable[[Job], Any]) -> None:
    """Tell that the job commits what it has done, if that is what its attempt has come to."""
    if isinstance(outcome, Completed):
        done = job._replace(state=State.COMPLETED, result=outcome.result)
        notify(JobSucceeded(done, read_result))


def tell_end(job: Job) -> None:
    """Tell how the job has ended, outside of Zope."""
    notify(ENDS[job.state](job))
