"""The tasks of jobs in Zope: each hands its request to Zope's publisher, in this thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from AccessControl import getSecurityManager
from AccessControl.SecurityManagement import setSecurityManager
from zope.component.hooks import getSite, setSite
from zope.globalrequest import getRequest, setRequest
from ZPublisher.httpexceptions import HTTPExceptionHandler
from ZPublisher.WSGIPublisher import publish_module

from collective.coserver.database.settings import get_settings
from collective.coserver.embedded.publish import publish
from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Outcome
from coserver_consumer.protocol.request import Request, make_request
from coserver_consumer.tasks import call, xmlrpc
from coserver_consumer.tasks.registry import Registry
from coserver_consumer.tasks.task import Task


def run_view(current: CurrentJob) -> Outcome:
    """Run a job of the task ``view``."""
    return _run(current.job, make_request)


def run_call(current: CurrentJob) -> Outcome:
    """Run a job of the task ``call``."""
    return _run(current.job, call.as_request)


def run_xmlrpc(current: CurrentJob) -> Outcome:
    """Run a job of the task ``xmlrpc``."""
    return _run(current.job, xmlrpc.as_request)


def _run(job: Job, as_request: Callable[[Job], Request]) -> Outcome:
    """Have Zope run the job by the request that is made of it; return how that has ended."""
    url = (job.origin or {}).get("server_url") or _current_address()
    request = as_request(_without_host(job))
    application, limit = HTTPExceptionHandler(publish_module), get_settings().max_result
    with _keeping_state():
        return publish(application, job, request, server_url=url, max_body=limit)


def _current_address() -> str:
    """Return the address of the thread's own request, such as the one that a test makes up."""
    request = getRequest()
    return "http://localhost" if request is None else str(request["SERVER_URL"])


def _without_host(job: Job) -> Job:
    """Return the job without a virtual host: this Zope needn't have one."""
    return job._replace(origin={**(job.origin or {}), "server_url": ""})


@contextmanager
def _keeping_state() -> Iterator[None]:
    """Give the thread its user, site and request back: the publisher leaves none of them."""
    user, site, request = getSecurityManager(), getSite(), getRequest()
    try:
        yield
    finally:
        setSecurityManager(user)
        setSite(site)
        setRequest(request)


TASKS = {
    "view": Task(name="view", run=run_view, is_signed=True),
    "call": Task(name="call", run=run_call, is_signed=True),
    "xmlrpc": Task(name="xmlrpc", run=run_xmlrpc, is_signed=True),
}
REGISTRY = Registry(tasks=TASKS)
