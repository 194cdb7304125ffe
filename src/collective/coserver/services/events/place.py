"""Where an event is told that no request has brought about: in its job's site, as the system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import quote

import transaction
import Zope2
from AccessControl import getSecurityManager
from AccessControl.SecurityManagement import setSecurityManager
from zope.component.hooks import getSite, setSite
from zope.event import notify
from zope.globalrequest import getRequest, setRequest
from zope.traversing.interfaces import BeforeTraverseEvent
from ZPublisher.BaseRequest import RequestContainer
from ZPublisher.HTTPRequest import HTTPRequest
from ZPublisher.HTTPResponse import HTTPResponse

from collective.coserver.functions.run_as import SYSTEM, acting_as
from collective.coserver.identity.origin import restore_virtual_root
from collective.coserver.publication.restoration import restore_language, restore_skin
from coserver_consumer.model.job import Job
from coserver_consumer.protocol.request import Request
from coserver_consumer.protocol.wsgi import make_environ

NO_HOST = "http://localhost"


@contextmanager
def at_site_of(job: Job) -> Iterator[None]:
    """Have the block run in the job's site, with its language, skin and links, as the system.

    It has a ZODB connection and a request of its own, which nobody has sent. The thread's user,
    site and request are given back behind it, and no transaction is left.
    """
    before = getSecurityManager(), getSite(), getRequest()
    transaction.begin()
    root = Zope2.app()
    request = _make_request(job)
    try:
        setRequest(request)
        site = _enter(root.__of__(RequestContainer(REQUEST=request)), job, request)
        with acting_as(SYSTEM, site):
            yield
    finally:
        transaction.abort()
        request.clear()
        root._p_jar.close()
        setSecurityManager(before[0])
        setSite(before[1])
        setRequest(before[2])


def _make_request(job: Job) -> Any:
    """Return a request that nobody has sent; see ``is_sent``."""
    url = (job.origin or {}).get("server_url") or NO_HOST
    asked = Request(method="GET", target=quote(job.site or "/"), headers={}, body=None)
    environ = make_environ(asked, server_url=url)
    is_secure = environ.pop("wsgi.url_scheme") == "https"
    environ |= {"HTTPS": "on"} if is_secure else {}
    return HTTPRequest(BytesIO(), environ, HTTPResponse(stdout=BytesIO()))


def _enter(root: Any, job: Job, request: Any) -> Any:
    """Enter the job's site as the publisher does; return it, None for a job of none."""
    origin = job.origin or {}
    request["PARENTS"] = [root]
    restore_virtual_root(origin, request)
    site = root.unrestrictedTraverse(job.site) if job.site else None
    setSite(site)
    if site is not None:
        notify(BeforeTraverseEvent(site, request))
        restore_language(origin.get("language"), request)
        restore_skin(origin.get("skin"), request)
    return site
