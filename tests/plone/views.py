"""Views that the tests queue and run."""

from __future__ import annotations

import json
from typing import Any

from AccessControl import getSecurityManager
from plone import api
from Products.Five.browser import BrowserView
from Products.Five.browser.metaconfigure import page
from zope.interface import Interface
from zope.publisher.interfaces.browser import IDefaultBrowserLayer

from collective.coserver import current_job, queue
from collective.coserver.i18n import _
from collective.coserver.interfaces import IJobRequest


class Queue(BrowserView):
    """Queues what the parameter ``options`` says, with its body if it has one."""

    def __call__(self) -> str:
        job_id = queue.add(**json.loads(self.request.form["options"]))
        self.request.response.setHeader("X-Left", self.request.stdin.read().decode())
        return job_id


class Tell(BrowserView):
    """Tells who and where it is."""

    def __call__(self) -> str:
        self.request.response.setHeader("Content-Type", "application/json")
        return json.dumps(self.tell())

    def tell(self) -> dict[str, Any]:
        user = getSecurityManager().getUser()
        return {
            "user": user.getId(),
            "roles": sorted(user.getRoles()),
            "url": self.context.absolute_url(),
            "language": api.portal.get_current_language(),
            "translated": api.portal.translate(_("state_failed", default="Failed")),
            "skin": api.portal.get().getCurrentSkinName(),
            "job": current_job.id if current_job else None,
            "attempt": current_job.attempt if current_job else None,
            "form": dict(self.request.form),
            "body": self.request.get("BODY", b"").decode(),
            "request_id": self.request.getHeader("X-Request-Id"),
        }


class Write(BrowserView):
    """Writes in whatever request, and answers with HTML."""

    def __call__(self) -> str:
        self.context.title = self.request.form["title"]
        self.request.response.setHeader("Content-Type", "text/html")
        return "<html><body><p>written</p></body></html>"


class Report(BrowserView):
    """Reports progress, then stops if it was cancelled, then writes."""

    def __call__(self) -> str:
        current_job.progress(0.4, "page 4 of 10")
        self.context.title = "written by a report"
        current_job.check_cancelled()
        return "not cancelled"


class Which(BrowserView):
    """Says that every request finds it."""

    answer = "for everybody"

    def __call__(self) -> str:
        return self.answer


class WhichForJobs(Which):
    """Says that it was found by a job."""

    answer = "for jobs"


VIEWS = (
    ("test-queue", Queue, IDefaultBrowserLayer, "zope2.Public"),
    ("test-tell", Tell, IDefaultBrowserLayer, "zope2.Public"),
    ("test-tell-managers", Tell, IDefaultBrowserLayer, "cmf.ManagePortal"),
    ("test-tell-jobs", Tell, IJobRequest, "zope2.Public"),
    ("test-write", Write, IDefaultBrowserLayer, "zope2.Public"),
    ("test-report", Report, IJobRequest, "zope2.Public"),
    ("test-which", Which, IDefaultBrowserLayer, "zope2.Public"),
    ("test-which", WhichForJobs, IJobRequest, "zope2.Public"),
)


def register_views(context: Any) -> None:
    """Register the views in a layer's configuration context."""
    for name, factory, layer, permission in VIEWS:
        page(
            context,
            name=name,
            permission=permission,
            for_=Interface,
            layer=layer,
            class_=factory,
        )
    context.execute_actions()
