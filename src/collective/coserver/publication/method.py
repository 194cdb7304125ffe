"""A job's request by PUT, PATCH or DELETE, which Zope takes for one of a WebDAV client.

For a WebDAV client Zope finds neither views nor anything that is acquired. A job calls views, by
whichever method. Acquired objects are kept from the methods that Zope has for WebDAV.
"""

from __future__ import annotations

from typing import Any

from Acquisition import aq_base, aq_inner, aq_parent
from zope.component import adapter
from ZPublisher.interfaces import IPubAfterTraversal, IPubStart

from collective.coserver.identity.request_job import get_job
from collective.coserver.publication.refusal import Refused, refuse
from coserver_consumer.model.outcome import Failed

WEBDAV = ("DELETE", "PATCH", "PUT")


@adapter(IPubStart)
def find_views(event: IPubStart) -> None:
    """Have Zope find views for the job that was let in, whatever its method."""
    if get_job(event.request) is not None:
        event.request.maybe_webdav_client = False


@adapter(IPubAfterTraversal)
def refuse_acquired(event: IPubAfterTraversal) -> None:
    """Refuse to put, patch or delete what isn't in the place that the path names."""
    request = event.request
    job = get_job(request)
    if job is None or not calls_webdav(request) or not is_acquired(request["PARENTS"][0]):
        return
    path = job.args["path"].partition("?")[0]
    error = f"Nothing is at {path}: {request.method} isn't for what is acquired."
    refuse(request, Refused(404, Failed(error=error, retry=False)))


def calls_webdav(request: Any) -> bool:
    """True if no view was found, but an object with a method of that name."""
    return request.method in WEBDAV and request.steps[-1:] == [request.method]


def is_acquired(found: Any) -> bool:
    """True if the path led to the object by another place than the one that contains it."""
    return aq_base(aq_parent(found)) is not aq_base(aq_parent(aq_inner(found)))
