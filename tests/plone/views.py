"""Views that the tests queue and run."""

from __future__ import annotations

import json
from typing import Any

import transaction
from AccessControl import getSecurityManager
from AccessControl.SecurityManagement import newSecurityManager
from AccessControl.users import UnrestrictedUser
from plone import api
from plone.protect import createToken
from plone.subrequest import subrequest
from Products.Five.browser import BrowserView
from Products.Five.browser.metaconfigure import page
from zExceptions import HTTPServiceUnavailable, Redirect, Unauthorized
from ZODB.POSException import ConflictError, StorageError
from zope.interface import Interface, implementer
from zope.publisher.interfaces import IPublishTraverse
from zope.publisher.interfaces.browser import IDefaultBrowserLayer

from collective.coserver import current_job, queue
from collective.coserver.i18n import _
from collective.coserver.interfaces import IJobRequest
from coserver_consumer.errors import AddError, NotCommitted
from tests.plone import functions


class Who(BrowserView):
    """Tells who it is, also outside of a site."""

    def __call__(self) -> str:
        return json.dumps({"user": getSecurityManager().getUser().getId()})


class Queue(BrowserView):
    """Queues what the parameter ``options`` says, with its body if ``current`` is there.

    As a chain of one if ``chain`` is.
    """

    def __call__(self) -> str:
        options = json.loads(self.request.form["options"])
        if "current" in self.request.form:
            options["payload"] = queue.CURRENT
        is_chain = "chain" in self.request.form
        job_id = queue.chain([queue.job(**options)])[0] if is_chain else queue.add(**options)
        self.request.response.setHeader("X-Left", self.request.stdin.read().decode())
        return job_id


class TryToQueue(BrowserView):
    """Does as ``Queue``, and tells what is said against it."""

    def __call__(self) -> str:
        try:
            return queue.add(**json.loads(self.request.form["options"]))
        except AddError as error:
            return str(error)


class Retry(BrowserView):
    """Has a job run again, and tells what is said against it."""

    def __call__(self) -> str:
        try:
            queue.retry(self.request.form["job"])
        except AddError as error:
            return str(error)
        return "again"


class RetryMany(BrowserView):
    """Has all jobs that failed run again, and tells how many, and what is said against others."""

    def __call__(self) -> str:
        changes = queue.retry_many(all=True)
        return json.dumps([changes.changed, [each.reason for each in changes.refused]])


class RunUntilEmpty(BrowserView):
    """Would run jobs within its own request, and tells what is said against it."""

    def __call__(self) -> str:
        try:
            return str(queue.run_until_empty())
        except NotCommitted as error:
            return str(error)


class Borrow(BrowserView):
    """Queues a job under the name of somebody who may do more, as who doesn't think of jobs."""

    def __call__(self) -> str:
        name, kind = self.request.form["name"], self.request.form["kind"]
        users = self.context.getPhysicalRoot().acl_users
        if kind == "made up":
            user = UnrestrictedUser(name, "", ["Manager"], []).__of__(users)
        else:
            user = users.getUserById(name)
        newSecurityManager(None, user)
        return queue.add("/plone/@@test-tell-jobs")


class Token(BrowserView):
    """Tells plone.protect's token."""

    def __call__(self) -> str:
        return createToken()


class Locate(BrowserView):
    """Queues a function that returns the address of the object."""

    def __call__(self) -> str:
        return functions.locate.delay(self.context)


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
            "translated": api.portal.translate(_("look_failed", default="Failed")),
            "skin": api.portal.get().getCurrentSkinName(),
            "job": current_job.id if current_job else None,
            "attempt": current_job.attempt if current_job else None,
            "form": dict(self.request.form),
            "body": self.request.get("BODY", b"").decode(),
            "request_id": self.request.getHeader("X-Request-Id"),
        }


class Show(BrowserView):
    """Shows the request as Zope's error log keeps it."""

    def __call__(self) -> str:
        return str(self.request)


class Tile(BrowserView):
    """Asks for another view within its own request, as tiles and themes are put together."""

    def __call__(self) -> str:
        return subrequest(self.request.form["url"]).getBody().decode()


class Write(BrowserView):
    """Writes in whatever request, and answers with HTML."""

    def __call__(self) -> str:
        self.context.title = self.request.form["title"]
        self.request.response.setHeader("Content-Type", "text/html")
        return "<html><body><p>written</p></body></html>"


class Refuse(LookupError):
    """An exception of the tests' own."""


class Unspeakable(Exception):
    """An exception that can't say what it is."""

    def __str__(self) -> str:
        raise SystemExit


class End(BrowserView):
    """Writes, and ends as the parameter says."""

    def __call__(self) -> str:
        self.context.title = "half done"
        getattr(self, self.request.form["how"])()
        return "returned"

    def well(self) -> None:
        """Return."""

    def doom(self) -> None:
        """Let nothing be committed."""
        transaction.doom()

    def send(self) -> None:
        """Redirect, as a form does at its end."""
        self.request.response.redirect(self.context.absolute_url())

    def send_to_login(self) -> None:
        """Redirect to where somebody else may log in."""
        self.request.response.redirect(f"{self.context.absolute_url()}/login")

    def send_to_zope(self) -> None:
        """Redirect to the address at which Zope itself was reached."""
        reached = self.request.environ["HTTP_HOST"]
        self.request.response.redirect(f"http://{reached}/plone")

    def send_by_raising(self) -> None:
        """Redirect by an exception, which undoes what was written."""
        raise Redirect(f"{self.context.absolute_url()}/elsewhere")

    def fail(self) -> None:
        """Raise, with what must not be seen by everybody."""
        hidden = "a secret in a local variable"
        raise Refuse(f"the feed is empty: {len(hidden)}")

    def fail_oddly(self) -> None:
        """Raise what can't be shown."""
        raise Unspeakable

    def conflict(self) -> None:
        """Meet the same conflict in every try."""
        raise ConflictError("somebody else wrote")

    def not_allowed(self) -> None:
        """Say no."""
        raise Unauthorized("Only on Sundays, please.")

    def too_busy(self) -> None:
        """Say when to come back, by an exception."""
        busy = HTTPServiceUnavailable("Come back.")
        busy.setHeader("Retry-After", "70")
        raise busy

    def snooze_in_tile(self) -> None:
        """Snooze within a request of the view's own, which makes a page of every error."""
        subrequest("/plone/@@test-end?how=snooze")

    def snooze_in_tile_and_conflict(self) -> None:
        """Go on after that until another conflict."""
        self.snooze_in_tile()
        raise ConflictError("somebody else wrote")

    def snooze(self) -> None:
        """Be run later."""
        current_job.snooze(60)

    def exit(self) -> None:
        """End as a script does."""
        raise functions.EXITS["exit"](3)

    def interrupt(self) -> None:
        """End as by Ctrl-C."""
        raise functions.EXITS["interrupt"](3)

    def close(self) -> None:
        """End as a generator that is closed."""
        raise functions.EXITS["close"](3)

    def abort(self) -> None:
        """Undo what was written, and go on."""
        transaction.abort()

    def answer(self) -> None:
        """Answer with a status."""
        self.request.response.setStatus(int(self.request.form["status"]))

    def unwritable(self) -> None:
        """Leave behind what can't be committed."""
        self.context.unwritable = lambda: None


class Answer(BrowserView):
    """Writes, and answers with the status, headers and body of the form."""

    def __call__(self) -> str:
        form, response = self.request.form, self.request.response
        self.context.title = "written by an answer"
        response.setStatus(int(form["status"]))
        for name, value in json.loads(form["headers"]).items():
            response.setHeader(name, value)
        return form["body"]


class Report(BrowserView):
    """Reports progress, then stops if it was cancelled, then writes."""

    def __call__(self) -> str:
        current_job.progress(0.4, "page 4 of 10")
        self.context.title = "written by a report"
        current_job.check_cancelled()
        return "not cancelled"


@implementer(IPublishTraverse)
class Steps(BrowserView):
    """Tells which steps of the path came behind it, and its form."""

    def __init__(self, context: Any, request: Any) -> None:
        super().__init__(context, request)
        self.steps: list[str] = []

    def publishTraverse(self, request: Any, name: str) -> Steps:  # noqa: N802
        """Take a step, but for one that can't be loaded."""
        if name == "unreadable":
            raise StorageError("The server is away.")
        self.steps.append(name)
        return self

    def __call__(self) -> str:
        return json.dumps({"steps": self.steps, "form": dict(self.request.form)})


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
    ("test-try-to-queue", TryToQueue, IDefaultBrowserLayer, "zope2.Public"),
    ("test-retry", Retry, IDefaultBrowserLayer, "zope2.Public"),
    ("test-retry-many", RetryMany, IDefaultBrowserLayer, "zope2.Public"),
    ("test-run-until-empty", RunUntilEmpty, IDefaultBrowserLayer, "zope2.Public"),
    ("test-borrow", Borrow, IDefaultBrowserLayer, "zope2.Public"),
    ("test-token", Token, IDefaultBrowserLayer, "zope2.Public"),
    ("test-locate", Locate, IDefaultBrowserLayer, "zope2.Public"),
    ("test-tell", Tell, IDefaultBrowserLayer, "zope2.Public"),
    ("test-tell-managers", Tell, IDefaultBrowserLayer, "cmf.ManagePortal"),
    ("test-tell-jobs", Tell, IJobRequest, "zope2.Public"),
    ("test-tell-anywhere", Who, IDefaultBrowserLayer, "zope2.Public"),
    ("test-show", Show, IDefaultBrowserLayer, "zope2.Public"),
    ("test-tile", Tile, IDefaultBrowserLayer, "zope2.Public"),
    ("test-end", End, IDefaultBrowserLayer, "zope2.Public"),
    ("test-answer", Answer, IDefaultBrowserLayer, "zope2.Public"),
    ("test-write", Write, IDefaultBrowserLayer, "zope2.Public"),
    ("test-report", Report, IJobRequest, "zope2.Public"),
    ("test-steps", Steps, IDefaultBrowserLayer, "zope2.Public"),
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
