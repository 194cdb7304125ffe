"""A job's life as moments in their order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import WAITING

if TYPE_CHECKING:
    from coserver_consumer.store.manage import AttemptError, Line

SECOND = 1_000_000  # microseconds
UNBEGUN = WAITING | {State.STAGED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened, or will. ``at``: microseconds since the epoch."""

    at: int
    what: str


def make_timeline(
    job: Job,
    attempts: Sequence[AttemptError],
    lines: Sequence[Line] = (),
    *,
    canceller: str | None = None,
) -> list[Moment]:
    """Return what is known of a job's life, the first moment first.

    ``attempts`` are those that failed; ``lines`` are what the job has logged; ``canceller`` is who
    has asked it to stop.
    """
    moments = [Moment(at=job.created_at, what=f"created, for queue {job.queue}")]
    moments += [
        Moment(at=failed.at, what=f"attempt {failed.attempt} failed: {failed.error}")
        for failed in attempts
    ]
    moments += [Moment(at=line.at, what=f"said: {line.text}") for line in lines]
    if job.started_at is not None:
        moments.append(Moment(at=job.started_at, what=_describe_start(job, attempts)))
    if job.cancel_at is not None:
        by = f" by {canceller}" if canceller else ""
        moments.append(Moment(at=job.cancel_at, what=f"asked to stop{by}"))
    if job.expires_at is not None and (job.state in UNBEGUN or job.state is State.EXPIRED):
        moments.append(Moment(at=job.expires_at, what="expires, unless it has begun by then"))
    if job.ended_at is not None:
        moments.append(Moment(at=job.ended_at, what=_describe_end(job)))
    elif job.state is State.SCHEDULED:
        moments.append(Moment(at=job.run_at, what="due"))
    return sorted(moments, key=lambda moment: moment.at)


def _describe_start(job: Job, attempts: Sequence[AttemptError]) -> str:
    """Say which attempt started last; one that was given back has no number."""
    by = f" by consumer {job.consumer}" if job.consumer else ""
    if _was_given_back(job, attempts):
        return f"started{by} and given back: not counted as an attempt"
    return f"attempt {job.attempt} started{by}"


def _was_given_back(job: Job, attempts: Sequence[AttemptError]) -> bool:
    """Return True if the job's attempt number is that of an earlier attempt than the last."""
    if job.attempt == 0:
        return True
    failed = [each.at for each in attempts if each.attempt == job.attempt]
    if failed and job.started_at is not None:
        return max(failed) < job.started_at
    return job.state in WAITING


def _describe_end(job: Job) -> str:
    took = ""
    if job.ended_at is not None and job.started_at is not None and job.state is not State.EXPIRED:
        took = f" after {(job.ended_at - job.started_at) / SECOND:.1f} s"
    return f"{job.state}{took}" + (f": {job.error}" if job.error else "")
