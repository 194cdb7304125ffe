"""The list of jobs, ``@@coserver-jobs``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from AccessControl import Unauthorized, getSecurityManager
from plone.protect import CheckAuthenticator
from Products.Five.browser import BrowserView
from Products.statusmessages.interfaces import IStatusMessage
from zope.i18nmessageid import Message

from collective.coserver import queue
from collective.coserver.controlpanel.jobs.row import Row
from collective.coserver.controlpanel.jobs.states import TITLES
from collective.coserver.database.engine import read
from collective.coserver.database.settings import get_settings
from collective.coserver.i18n import _
from collective.coserver.identity.owner import ANONYMOUS, current_owner, owner_of_job
from collective.coserver.identity.rerun import states_to_retry
from collective.coserver.identity.site import site_path
from collective.coserver.permissions import MANAGE_JOBS
from coserver_consumer.diagnosis.why import explain
from coserver_consumer.model.errors import JobNotFound, StoreError, WrongState
from coserver_consumer.model.job import Job, State
from coserver_consumer.store import manage
from coserver_consumer.store.manage import AttemptError

logger = logging.getLogger("collective.coserver")

PAGE = 25  # jobs
FAILING = frozenset({State.SCHEDULED, State.READY, State.FAILED})


class JobsView(BrowserView):
    """The jobs of this site, the newest first: all for managers, their own for others."""

    is_out_of_reach = False
    next_page: str | None = None

    def __call__(self) -> str:
        """Return the page, or do what a button says and come back to it."""
        if current_owner() == ANONYMOUS and not self.is_manager:
            raise Unauthorized("Jobs have owners; log in to see yours.")
        if self.request.method == "POST":
            return self.press()
        self.rows = self.load()
        return self.index()

    @property
    def is_manager(self) -> bool:
        """True if the user may see and change all jobs of the site."""
        return bool(getSecurityManager().checkPermission(MANAGE_JOBS, self.context))

    @property
    def state(self) -> str:
        """The state whose jobs are asked for, empty for all."""
        asked = self._asked("state")
        return asked if asked in set(State) else ""

    @property
    def before(self) -> str | None:
        """The id of the last job of the page before, None on the first page."""
        return self._asked_id("before")

    @property
    def choices(self) -> list[tuple[str, Message]]:
        """The states and what they are called."""
        return [(state.value, title) for state, title in TITLES.items()]

    @property
    def first_page(self) -> str:
        """The address of the newest jobs of that state."""
        return self._link()

    def load(self) -> list[Row]:
        """Return the rows of the page that is asked for."""
        try:
            found = read(lambda connection: manage.find(connection, **self._question()))
            failures = read(lambda connection: manage.last_failures(connection, _tried(found)))
        except StoreError:
            logger.exception("The jobs can't be listed.")
            self.is_out_of_reach = True
            return []
        if len(found) > PAGE:
            self.next_page = self._link(before=found[PAGE - 1].id)
        visible = [job for job in found[:PAGE] if self._may_see(job)]
        return [self._make_row(job, failures.get(job.id)) for job in visible]

    def link_why(self, row: Row) -> str | None:
        """Return the address of this page with the reason for which a job waits.

        To managers only: it tells of queues, consumers and other jobs.
        """
        if not self.is_manager or not row.is_waiting or row.reason:
            return None
        page = {"before": self.before} if self.before else {}
        return f"{self._link(why=row.job.id, **page)}#coserver-{row.job.id}"

    def press(self) -> str:
        """Cancel or retry the job whose button was pressed, and say what came of it."""
        CheckAuthenticator(self.request)
        try:
            if job_id := self._asked("cancel"):
                self._say(self._cancel(job_id))
            elif job_id := self._asked("retry"):
                self._say(self._retry(job_id))
        except (JobNotFound, WrongState, StoreError) as error:
            self._say(_explain(error), kind="error")
        return self.request.response.redirect(self._link())

    def _make_row(self, job: Job, failure: AttemptError | None) -> Row:
        """Return the row; how the code failed is for managers, that it did is for its owner too."""
        error = "" if failure is None else failure.error
        traceback = failure.traceback if failure is not None and self.is_manager else None
        row = Row(job=job, is_manager=self.is_manager, last_error=error, traceback=traceback or "")
        if job.id != self._asked_id("why") or not self.is_manager or not row.is_waiting:
            return row
        return replace(row, reason=find_reason(job))

    def _cancel(self, job_id: str) -> Message:
        if queue.cancel(self._find(job_id).id) is State.RUNNING:
            return _("message_asked_to_stop", default="The job was asked to stop.")
        return _("message_cancelled", default="The job was cancelled.")

    def _retry(self, job_id: str) -> Message:
        job = self._find(job_id)
        queue.retry(job.id, states=states_to_retry(job, is_manager=self.is_manager))
        return _("message_retried", default="The job will be run again.")

    def _find(self, job_id: str) -> Job:
        job = queue.get(job_id)
        if not self._may_see(job):
            raise JobNotFound(f"No job has the id {job_id}.")
        return job

    def _may_see(self, job: Job) -> bool:
        """Check the whole owner: two user folders may know the same id."""
        if job.site != site_path(self.context):
            return False
        return self.is_manager or owner_of_job(job) == current_owner()

    def _question(self) -> dict[str, Any]:
        return {
            "states": [State(self.state)] if self.state else [],
            "owner": None if self.is_manager else current_owner().id,
            "site": site_path(self.context),
            "before": self.before,
            "limit": PAGE + 1,
        }

    def _asked(self, name: str) -> str:
        """Return the form's text of that name, empty if it has none or several."""
        asked = self.request.form.get(name)
        return asked if isinstance(asked, str) else ""

    def _asked_id(self, name: str) -> str | None:
        """Return the form's job id of that name, None if it is none."""
        try:
            return str(UUID(self._asked(name)))
        except ValueError:
            return None

    def _link(self, **query: str) -> str:
        """Return the address of this view with the filter and ``query``."""
        kept = {"state": self.state} if self.state else {}
        asked = urlencode(kept | query)
        address = f"{self.context.absolute_url()}/@@{self.__name__}"
        return f"{address}?{asked}" if asked else address

    def _say(self, text: Message, *, kind: str = "info") -> None:
        IStatusMessage(self.request).add(text, type=kind)


def _tried(jobs: Sequence[Job]) -> list[str]:
    """Return the ids of those whose last attempt has failed, as far as one can tell."""
    return [job.id for job in jobs if job.attempt and job.state in FAILING]


def find_reason(job: Job) -> str:
    """Return why a job waits; nothing if it doesn't exist any more, or can't be found out now."""
    dead_after = get_settings().dead_after
    try:
        return read(lambda connection: explain(connection, job.id, dead_after=dead_after))
    except (JobNotFound, StoreError):
        return ""


def _explain(error: Exception) -> Message:
    """Return what to tell the person who pressed a button."""
    match error:
        case JobNotFound():
            return _("message_no_such_job", default="There is no such job.")
        case WrongState():
            return _("message_wrong_state", default="The job's state doesn't allow that any more.")
        case _:
            return _(
                "message_out_of_reach",
                default="The queue's database can't be used at the moment. Zope's log says why.",
            )
