"""The task ``xmlrpc``: Zope calls a method of an object through XML-RPC."""

from __future__ import annotations

from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Outcome
from coserver_consumer.protocol.codec import decode
from coserver_consumer.protocol.request import Request, make_request
from coserver_consumer.protocol.xmlrpc_message import write_call
from coserver_consumer.tasks.context import TaskContext


class XmlRpc:
    """Arguments: ``path`` of the object, ``method``, ``args`` (a list; see ``codec``).

    The result is what the method returned, as ``codec`` writes it. A fault fails the job.
    """

    is_signed = True
    runs_in_zope = True

    def __init__(self, context: TaskContext) -> None:
        self._zope = context.zope

    def run(self, job: CurrentJob) -> Outcome:
        """Have Zope call the method."""
        return self._zope.send(job.job, as_request(job.job))


def as_request(job: Job) -> Request:
    """Return the job as a request; raise ``InvalidJob`` for arguments that can't be sent."""
    method, args = job.args.get("method"), job.args.get("args", [])
    if not isinstance(method, str) or not isinstance(args, list):
        raise InvalidJob("Task 'xmlrpc' wants 'method' as text and 'args' as a list.")
    asked = {
        "path": job.args.get("path"),
        "method": "POST",
        "headers": {"Content-Type": "text/xml; charset=utf-8"},
    }
    return make_request(job._replace(args=asked, payload=write_call(method, decode(args))))
