"""The task ``call``: Zope calls a Python function, as the user who queued the job."""

from __future__ import annotations

from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Outcome
from coserver_consumer.protocol.request import Request, make_request
from coserver_consumer.tasks.context import TaskContext

SERVICE = "@@coserver-call"


class Call:
    """Arguments: ``function`` (its dotted name), ``args``, ``kwargs``; see ``codec``.

    The result is what the function returned, as ``codec`` writes it.
    """

    is_signed = True
    runs_in_zope = True

    def __init__(self, context: TaskContext) -> None:
        self._zope = context.zope

    def run(self, job: CurrentJob) -> Outcome:
        """Have Zope call it."""
        return self._zope.send(job.job, as_request(job.job))


def as_request(job: Job) -> Request:
    """Return the request of a view that finds in the job itself what to call.

    So the arguments don't travel twice, and what is called is what was signed.
    """
    path = f"{job.site or ''}/{SERVICE}"
    return make_request(job._replace(args={"path": path, "method": "POST"}, payload=None))
