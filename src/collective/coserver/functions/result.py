"""What a job has come to, for those who wait for it."""

from __future__ import annotations

from typing import Any

from collective.coserver.functions.calls import read
from coserver_consumer.model.job import Job
from coserver_consumer.producer.result import find_result
from coserver_consumer.protocol.answer import XML_RPC

WRITTEN = {"call", XML_RPC}  # tasks whose results ``codec`` has written


def read_result(job: Job) -> Any:
    """Return what the job's function returned, or as JSON what another task has come to.

    Raises ``NotDone``, ``DidNotComplete``, ``NoResult`` if it was too large to be kept, and
    ``ObjectGone``.
    """
    result = find_result(job)
    return read(result) if job.task in WRITTEN else result
