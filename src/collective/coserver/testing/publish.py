"""A job's request, handed to Zope's publisher in this thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from AccessControl import getSecurityManager
from AccessControl.SecurityManagement import setSecurityManager
from zope.component.hooks import getSite, setSite
from zope.globalrequest import getRequest, setRequest
from ZPublisher.httpexceptions import HTTPExceptionHandler
from ZPublisher.WSGIPublisher import publish_module

from collective.coserver.database.settings import get_settings
from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Outcome
from coserver_consumer.protocol.answer import understand
from coserver_consumer.protocol.markers import IN_PROCESS
from coserver_consumer.protocol.request_reply import make_request
from coserver_consumer.protocol.wsgi import ask, make_environ
from coserver_consumer.tasks import call, xmlrpc


def run_view(current: CurrentJob) -> Outcome:
    """Run a job of the task ``view``."""
    return _send(current.job, current.job)


def run_call(current: CurrentJob) -> Outcome:
    """Run a job of the task ``call``."""
    return _send(current.job, call.as_request(current.job))


def run_xmlrpc(current: CurrentJob) -> Outcome:
    """Run a job of the task ``xmlrpc``."""
    return _send(current.job, xmlrpc.as_request(current.job))


def _send(job: Job, request: Job) -> Outcome:
    """Have Zope run the job, and return what its answer means."""
    settings = get_settings()
    url = (job.origin or {}).get("server_url") or _current_address()
    target = make_request(_without_host(request))
    environ = make_environ(target, server_url=url) | {IN_PROCESS: job}
    with _keeping_state():
        reply = ask(HTTPExceptionHandler(publish_module), environ, max_body=settings.max_result)
    return understand(job, reply)


def _current_address() -> str:
    """Return the address of the test's own request, as which a layer makes one up."""
    request = getRequest()
    return "http://localhost" if request is None else str(request["SERVER_URL"])


def _without_host(job: Job) -> Job:
    """Return the job without a virtual host: a test's Zope needn't have one."""
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
