"""The task ``view``: Zope publishes what a path leads to, as the user who queued the job."""

from __future__ import annotations

from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.outcome import Outcome
from coserver_consumer.protocol.request import make_request
from coserver_consumer.tasks.context import TaskContext


class View:
    """Arguments: ``path`` (physical, may have a query), ``method``, ``params``, ``headers``.

    The job's payload is the request's body. The result is the answer's status, content type and
    text.
    """

    is_signed = True
    runs_in_zope = True

    def __init__(self, context: TaskContext) -> None:
        self._zope = context.zope

    def run(self, job: CurrentJob) -> Outcome:
        """Have Zope publish it."""
        return self._zope.send(job.job, make_request(job.job))
