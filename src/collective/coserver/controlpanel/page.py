"""What all pages of the control panel have in common: who may see them, and the way around."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlencode

import zExceptions
from AccessControl import Unauthorized, getSecurityManager
from plone import api
from plone.protect import CheckAuthenticator
from Products.Five.browser import BrowserView
from Products.statusmessages.interfaces import IStatusMessage
from zope.component import getMultiAdapter
from zope.i18nmessageid import Message
from zope.interface import implementer

from collective.coserver.controlpanel.interfaces import IPanelPage
from collective.coserver.i18n import _
from collective.coserver.identity.owner import ANONYMOUS, current_owner, owner_of_job
from collective.coserver.identity.site import find_site, site_path
from collective.coserver.permissions import MANAGE_JOBS, VIEW_ALL_JOBS
from coserver_consumer.model.errors import JobNotFound, WrongState
from coserver_consumer.model.job import Job

SITE_SETUP = "Plone Site Setup: Overview"  # Plone's permission to see it
RESOURCES = "++resource++collective.coserver"
OK, NOT_MODIFIED = 200, 304  # of HTTP
TOKEN = re.compile(r'name="_authenticator"\s+value="[^"]*"')
TAG_CHARS = 32
OVERVIEW = "coserver"  # the others begin with it, by which Plone knows where it is
LIST = "coserver-jobs"
FAILURES = "coserver-failures"
TUTORIAL = "https://github.com/collective/collective.coserver/blob/main/docs/tutorial/first-job.md"


class Place(NamedTuple):
    """A page of the panel, as its navigation and the breadcrumbs name it."""

    title: Message
    url: str
    is_current: bool = False


PAGES: dict[str, Message] = {
    OVERVIEW: _("page_overview", default="Overview"),
    LIST: _("page_jobs", default="Jobs"),
    FAILURES: _("page_failures", default="Failures"),
}


@implementer(IPanelPage)
class PanelPage(BrowserView):
    """A page of the panel of one site, also when it is asked of a language's folder."""

    page = LIST  # the one of PAGES that it is, or belongs to
    title: Message | str = ""  # what it is itself, if it isn't one of PAGES

    def __call__(self) -> str:
        """Return the page, or do what a button says and come back."""
        if current_owner() == ANONYMOUS and not self.sees_all:
            raise Unauthorized("Jobs have owners; log in to see yours.")
        if self.request.method == "POST":
            require_own_form(self.request)
            return self.press()
        return self._answer(self.show())

    def _answer(self, page: str) -> str:
        """Return the page, nothing to whoever has it already and says so by If-None-Match."""
        tag = make_tag(page)
        response = self.request.response
        response.setHeader("ETag", tag)
        response.setHeader("Cache-Control", "private, no-cache")
        if self.request.getHeader("If-None-Match") != tag or response.getStatus() != OK:
            return page
        response.setStatus(NOT_MODIFIED)
        return ""

    def show(self) -> str:
        """Return the page."""
        return self.index()

    def press(self) -> str:
        """Do what a button says, and return where to go on; a page without buttons has no POST."""
        raise zExceptions.MethodNotAllowed("This page has no buttons.")

    @property
    def site(self) -> Any:
        """The site whose jobs are shown."""
        return find_site(self.context)

    @property
    def sees_all(self) -> bool:
        """True if the user may see all jobs of the site."""
        return self.may(VIEW_ALL_JOBS)

    @property
    def manages(self) -> bool:
        """True if the user may change all jobs of the site."""
        return self.may(MANAGE_JOBS)

    def may(self, permission: str) -> bool:
        """Return True if the user has a permission in the site, whatever folder the page is of."""
        return bool(getSecurityManager().checkPermission(permission, self.site))

    def may_see(self, job: Job) -> bool:
        """Check the whole owner: two user folders may know the same id."""
        if job.site != site_path(self.site):
            return False
        return self.sees_all or owner_of_job(job) == current_owner()

    def may_change(self, job: Job) -> bool:
        """Return True if the user may press buttons of the job."""
        return self.may_see(job) and (self.manages or owner_of_job(job) == current_owner())

    @property
    def frame(self) -> Any:
        """Plone's macro around the page: that of Site Setup for those who may see it."""
        if self.may(SITE_SETUP):
            return self.site.restrictedTraverse("prefs_main_template").macros["master"]
        return getMultiAdapter((self.context, self.request), name="coserver-frame")["plain"]

    @property
    def places(self) -> list[Place]:
        """The pages of the panel that the user may see."""
        return [
            Place(title, f"{self.home}/@@{name}", is_current=name == self.page)
            for name, title in PAGES.items()
            if name == LIST or self.sees_all
        ]

    @property
    def crumbs(self) -> list[Place]:
        """The way from the site to this page."""
        setup = Place(
            _("crumb_site_setup", default="Site Setup"), f"{self.home}/@@overview-controlpanel"
        )
        start = OVERVIEW if self.sees_all else LIST
        panel = Place(_("heading_jobs", default="Background jobs"), self.address(start))
        page = Place(PAGES[self.page], self.address(self.page))
        own = [Place(self.title, self.request["ACTUAL_URL"])] if self.title else []
        return [*([setup] if self.may(SITE_SETUP) else []), panel, page, *own]

    @property
    def tutorial(self) -> str:
        """Where the first steps are told."""
        return TUTORIAL

    @property
    def home(self) -> str:
        """The address of the site."""
        return self.site.absolute_url()

    @property
    def language(self) -> str:
        """The language of the page."""
        return api.portal.get_current_language()

    def address(self, name: str, **query: str) -> str:
        """Return the address of a page with these fields; empty ones are left out."""
        asked = urlencode({key: value for key, value in query.items() if value})
        return f"{self.home}/@@{name}" + (f"?{asked}" if asked else "")

    def icon(self, name: str) -> str:
        """Return the address of an icon."""
        return f"{self.resource('icons.svg')}#{name}"

    def resource(self, name: str) -> str:
        """Return the address of a file of the panel."""
        return f"{self.home}/{RESOURCES}/{name}"

    def asked(self, name: str) -> str:
        """Return the form's text of that name, empty if it has none or several."""
        asked = self.request.form.get(name)
        return asked if isinstance(asked, str) else ""

    def say(self, text: Message, *, kind: str = "info") -> None:
        """Have the next page say that at its top."""
        IStatusMessage(self.request).add(text, type=kind)


def make_tag(page: str) -> str:
    """Return the page's ETag; forms' tokens, which are new each time, aren't part of it."""
    lasting = TOKEN.sub("", page)
    return f'"{sha256(lasting.encode()).hexdigest()[:TAG_CHARS]}"'


OUT_OF_REACH = _(
    "message_out_of_reach",
    default="The queue's database can't be used at the moment. Zope's log says why.",
)


def require_own_form(request: Any) -> None:
    """Raise ``Forbidden`` unless a form of this site was sent: a token and, said, the same site."""
    CheckAuthenticator(request)
    if request.getHeader("Sec-Fetch-Site") not in (None, "same-origin"):
        raise zExceptions.Forbidden("Only forms of this site can press buttons of this page.")


def explain(error: Exception) -> Message:
    """Return what to tell the person who pressed a button."""
    match error:
        case JobNotFound():
            return _("message_no_such_job", default="There is no such job.")
        case WrongState():
            return _("message_wrong_state", default="The job's state doesn't allow that any more.")
        case _:
            return OUT_OF_REACH
