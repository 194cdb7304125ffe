"""What a job has come to, for those who wait for it."""

from __future__ import annotations

from typing import Any

from collective.coserver.functions.calls import read
from coserver_consumer.answer import XML_RPC
from coserver_consumer.codec import KIND, NOT_KEPT, VALUE
from coserver_consumer.errors import DidNotComplete, NoResult, NotDone
from coserver_consumer.job import Job, State

WRITTEN = {"call", XML_RPC}  # tasks whose results ``codec`` has written


def read_result(job: Job) -> Any:
    """Return what the job's function returned, or as JSON what another task has come to.

    Raises ``NotDone``, ``DidNotComplete``, ``NoResult`` if it was too large to be kept, and
    ``ObjectGone``.
    """
    if job.state.is_live:
        raise NotDone(f"Job {job.id} is {job.state}; it has no result yet.")
    if job.state is not State.COMPLETED:
        raise DidNotComplete(f"Job {job.id} is {job.state}: {job.error or 'no reason is known'}")
    if job.task not in WRITTEN:
        return job.result
    if isinstance(job.result, dict) and job.result.get(KIND) == NOT_KEPT:
        raise NoResult(f"The result of job {job.id} wasn't kept: {job.result[VALUE]}.")
    return read(job.result)
