"""What a job has come to, for those who ask: the same at every door. Pure."""

from __future__ import annotations

from typing import Any

from coserver_consumer.model.errors import DidNotComplete, NoResult, NotDone
from coserver_consumer.model.job import Job, State
from coserver_consumer.protocol.codec import why_not_kept


def find_result(job: Job) -> Any:
    """Return a completed job's result, the JSON that is in its row.

    Raises ``NotDone``, ``DidNotComplete``, and ``NoResult`` if it wasn't kept.
    """
    if job.state.is_live:
        raise NotDone(f"Job {job.id} is {job.state}; it has no result yet.")
    if job.state is not State.COMPLETED:
        raise DidNotComplete(f"Job {job.id} is {job.state}: {job.error or 'no reason is known'}")
    if why := why_not_kept(job.result):
        raise NoResult(f"The result of job {job.id} wasn't kept: {why}.")
    return job.result
