"""The page of one job, ``@@coserver-jobs/<id>``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import zExceptions
from sqlalchemy import Connection
from zope.i18nmessageid import Message
from zope.interface import implementer
from zope.publisher.interfaces import IPublishTraverse

from collective.coserver.controlpanel.actions import act, find_visible
from collective.coserver.controlpanel.job.about import find_subject
from collective.coserver.controlpanel.job.arguments import Argument, hide, list_arguments, show
from collective.coserver.controlpanel.job.timeline import Event, Story, tell
from collective.coserver.controlpanel.jobs.search import Term
from collective.coserver.controlpanel.page import LIST, OUT_OF_REACH, PanelPage
from collective.coserver.controlpanel.reasons import translate_reason
from collective.coserver.controlpanel.row import Row
from collective.coserver.controlpanel.times import Times, exact_length, site_zone
from collective.coserver.database.engine import read
from collective.coserver.database.settings import get_settings
from collective.coserver.i18n import _
from coserver_consumer.diagnosis.why import find_reason
from coserver_consumer.model.errors import JobNotFound, StoreError
from coserver_consumer.model.job import Job, State
from coserver_consumer.store import enqueue, manage

MAX_RELATIVES = 20  # jobs that are named
DOWNLOAD = "result"  # the name below a job's page at which its result is


class Known(NamedTuple):
    """What the store says of the job and of those around it."""

    story: Story
    now: int
    parents: Sequence[Job]
    children: Sequence[Job]
    reason: Message | None


@implementer(IPublishTraverse)
class JobPage(PanelPage):
    """What happened to a job, why it isn't running, and what can be done about it."""

    job_id = ""
    wants_result = False
    trouble: Message | None = None

    def publishTraverse(self, request: Any, name: str) -> JobPage:  # noqa: N802  Zope's name
        """Return this page for its result's address; raise ``NotFound`` for any other."""
        if name != DOWNLOAD or self.wants_result:
            raise zExceptions.NotFound(name)
        self.wants_result = True
        return self

    def show(self) -> str:
        """Return the page, or the result as a file."""
        try:
            self.job = find_visible(self, self.job_id)
            if self.wants_result:
                return self._send_result()
            self.title = self.job.name
            self.known = read(self._look)
        except JobNotFound:
            raise zExceptions.NotFound(self.job_id) from None
        except StoreError:
            self.trouble = OUT_OF_REACH
            return self.index()
        self.times = Times(now=self.known.now, zone=site_zone())
        self.row = self.make_row(self.job)
        return self.index()

    def press(self) -> str:
        """Do what a button says, to this job or to one around it, and come back."""
        act(self)
        return self.request.response.redirect(self.link(self.job_id))

    def link(self, job_id: str) -> str:
        """Return the address of a job's page."""
        return f"{self.address(LIST)}/{job_id}"

    def make_row(self, job: Job) -> Row:
        """Return how a job looks, and what may be done to it."""
        return Row(
            job=job,
            link=self.link(job.id),
            times=self.times,
            is_manager=self.manages,
            may_change=self.may_change(job),
        )

    @property
    def events(self) -> list[Event]:
        """What happened; tracebacks and the job's own lines are for those who see all jobs."""
        return tell(self.known.story, self.times)

    @property
    def parents(self) -> list[Row]:
        """The jobs for which it waits."""
        return [self.make_row(job) for job in self.known.parents]

    @property
    def failed_parent(self) -> Row | None:
        """The one that has to be run again before this one can run."""
        rows = (self.make_row(job) for job in self.known.parents if not job.state.is_live)
        return next((row for row in rows if row.can_retry), None)

    @property
    def children(self) -> list[Row]:
        """The jobs that wait for it."""
        return [self.make_row(job) for job in self.known.children]

    @property
    def summary(self) -> Message:
        """When it was queued or has ended, and how long that took."""
        job = self.job
        if job.ended_at is None:
            moment = self.times.tell(job.created_at)
            return _("summary_queued", default="Queued ${when}", mapping={"when": moment.text})
        said = {
            "when": self.times.tell(job.ended_at).text,
            "length": exact_length(max(0, job.ended_at - job.created_at)),
        }
        return _(
            "summary_ended", default="Ended ${when}, ${length} after it was queued", mapping=said
        )

    @property
    def subject(self) -> tuple[str, str] | None:
        """The content that it is about: its path in the site, and its address."""
        return find_subject(self.job, self.site)

    @property
    def arguments(self) -> list[Argument]:
        """The arguments; only for those who see all jobs."""
        return list_arguments(self.job.args) if self.sees_all else []

    @property
    def result(self) -> str | None:
        """What it returned, None if nothing."""
        return None if self.job.result is None else show(self.job.result)

    @property
    def result_link(self) -> str:
        """Where the whole result is."""
        return f"{self.link(self.job_id)}/{DOWNLOAD}"

    def search_link(self, word: str, value: str) -> str:
        """Return the address of the list of all jobs of which that is true."""
        return self.address(LIST, q=f"{Term(word, value)} state:all")

    def _look(self, connection: Connection) -> Known:
        job = self.job
        story = Story(
            job=job,
            failures=self._find_failures(connection),
            lines=manage.lines(connection, job.id) if self.sees_all else (),
            presses=manage.presses(connection, job.id),
            consumers={each.id: each.name for each in manage.consumers(connection)},
        )
        parents = [each for each in self._find_parents(connection) if self.may_see(each)]
        around = manage.children(connection, job.id, limit=MAX_RELATIVES)
        return Known(
            story=story,
            now=manage.now(connection),
            parents=parents,
            children=[each for each in around if self.may_see(each)],
            reason=self._find_reason(connection, {each.id: each.name for each in parents}),
        )

    def _find_failures(self, connection: Connection) -> list[manage.AttemptError]:
        failures = manage.attempts(connection, self.job.id)
        if self.sees_all:
            return failures
        return [replace(failure, traceback=None) for failure in failures]

    def _find_parents(self, connection: Connection) -> list[Job]:
        found = enqueue.parents(connection, self.job.id, limit=MAX_RELATIVES)
        return [manage.get(connection, each.id) for each in found if each.state is not None]

    def _find_reason(self, connection: Connection, names: Mapping[str, str]) -> Message | None:
        """Return why it isn't running: it tells of queues and consumers, so not to everybody."""
        waits = self.job.state.is_live and self.job.state not in (State.RUNNING, State.FINISHING)
        if not self.sees_all or not waits:
            return None
        dead_after = get_settings().dead_after
        return translate_reason(find_reason(connection, self.job, dead_after=dead_after), names)

    def _send_result(self) -> str:
        """Return the result as a file, which no browser takes for a page."""
        if self.job.result is None:
            raise zExceptions.NotFound(DOWNLOAD)
        response = self.request.response
        response.setHeader("Content-Type", "application/json; charset=utf-8")
        response.setHeader("Content-Disposition", f'attachment; filename="{self.job_id}.json"')
        response.setHeader("X-Content-Type-Options", "nosniff")
        return json.dumps(hide(self.job.result), ensure_ascii=False, indent=1)
