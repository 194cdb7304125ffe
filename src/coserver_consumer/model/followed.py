"""What has become of the jobs that a job came after, for its own code. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from coserver_consumer.model.errors import NoResult
from coserver_consumer.model.job import Job, State


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedJob:
    """A job that the running one came after, as it is now.

    ``state`` is None if it isn't known any more, since it was pruned; ``error`` then says so.
    Otherwise that is why it has failed, expired or was cancelled. ``read`` returns the
    result.
    """

    id: str
    state: State | None
    error: str | None = None
    read: Callable[[], Any] = field(default=lambda: None, repr=False, compare=False)

    @property
    def result(self) -> Any:
        """What it has come to; None if it isn't completed.

        Raises ``NoResult`` with the reason if it has a result that wasn't kept, as one that was too
        large, or if the job was pruned.
        """
        return self.read()


def to_followed(job_id: str, job: Job | None, read: Callable[[Job], Any]) -> FollowedJob:
    """Return the job with this id as its follower sees it.

    ``job`` is None if nobody knows it any more. ``read`` returns the result of a completed one.
    """
    if job is None:
        return _pruned(job_id)
    is_done = job.state is State.COMPLETED
    return FollowedJob(
        id=job.id,
        state=job.state,
        error=job.error,
        read=lambda: read(job) if is_done else None,
    )


def _pruned(job_id: str) -> FollowedJob:
    why = f"Job {job_id} isn't known any more: it had ended long ago and was pruned (keep_days)."

    def read() -> Any:
        raise NoResult(why)

    return FollowedJob(id=job_id, state=None, error=why, read=read)
