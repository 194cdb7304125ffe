"""Subscribers that count the events of jobs whose title begins with "told"."""

from typing import Any

from plone.protect.interfaces import IDisableCSRFProtection
from zope.component import adapter
from zope.component.hooks import getSite
from zope.globalrequest import getRequest
from zope.interface import alsoProvides

from collective.coserver.interfaces import IJobEvent, IJobFailed
from coserver_acceptance.counting import count
from coserver_acceptance.gates import stand_at


@adapter(IJobEvent)
def count_event(event: Any) -> None:
    """Count it for its job; one of a failed job whose title goes on stands at the gate so named."""
    title = event.job.title or ""
    if not title.startswith("told"):
        return
    alsoProvides(getRequest(), IDisableCSRFProtection)  # a GET of the test's browser may queue
    count(getSite(), f"{type(event).__name__}_{event.job.id}")
    gate = title.removeprefix("told").strip()
    if gate and IJobFailed.providedBy(event):
        stand_at(gate)
