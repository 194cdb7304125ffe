"""The list of jobs, ``@@coserver-jobs``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import zExceptions
from zope.component import getMultiAdapter
from zope.i18nmessageid import Message
from zope.interface import implementer
from zope.publisher.interfaces import IPublishTraverse

from collective.coserver.controlpanel.actions import act
from collective.coserver.controlpanel.jobs.search import Search, Term, WrongTerm, read_search
from collective.coserver.controlpanel.jobs.tabs import TABS, Tab, write_count
from collective.coserver.controlpanel.numbers import MOST_COUNTED
from collective.coserver.controlpanel.page import LIST, OUT_OF_REACH, PanelPage
from collective.coserver.controlpanel.row import Row
from collective.coserver.controlpanel.states import ALL, OPEN
from collective.coserver.controlpanel.times import Times, site_zone
from collective.coserver.database.engine import read, read_within
from collective.coserver.i18n import _
from collective.coserver.identity.owner import current_owner
from collective.coserver.identity.site import site_path
from coserver_consumer.model.errors import StoreError, TooSlow
from coserver_consumer.model.job import Job, State, is_id
from coserver_consumer.store import manage

logger = logging.getLogger("collective.coserver")

PAGE = 50  # jobs
PATIENCE_S = 2.0  # that the database has for one question
FAILING = frozenset({State.SCHEDULED, State.READY, State.FAILED})
AGES = ("1h", "1d", "7d", "30d")


class Menu(NamedTuple):
    """A menu of values, each with the address of the list that it leads to."""

    title: Message
    choices: Sequence[tuple[str, str]]


@implementer(IPublishTraverse)
class JobsView(PanelPage):
    """The jobs of this site, the newest first: all for those who may see them, or one's own."""

    rows: Sequence[Row] = ()
    trouble: Message | None = None
    next_page: str | None = None
    tally: manage.Tally | None = None
    queues: Sequence[str] = ()
    has_jobs = False

    def publishTraverse(self, request: Any, name: str) -> Any:  # noqa: N802  Zope's name
        """Return the page of the job with this id; raise ``NotFound`` if it can be none's."""
        if not is_id(name):
            raise zExceptions.NotFound(name)
        page = getMultiAdapter((self.context, request), name="coserver-job")
        page.job_id = name
        return page

    def show(self) -> str:
        """Return the page, with as much as can be found out."""
        self.search = read_search(self._asked_words())
        if "_authenticator" in self.request.form:  # plone.protect puts it into each form
            return self.request.response.redirect(self.here)
        try:
            self._load()
        except WrongTerm as wrong:
            self.trouble = wrong.message
        except TooSlow:
            self.trouble = _(
                "message_too_slow",
                default="The database needs too long for this search. Add a word that narrows it, "
                "such as queue:, task: or owner:, or choose a state.",
            )
        except StoreError:
            logger.exception("The jobs can't be listed.")
            self.trouble = OUT_OF_REACH
        return self.index()

    def press(self) -> str:
        """Cancel or retry the job whose button was pressed, say so, and show the list as it was."""
        self.search = read_search(self._asked_words())
        act(self)
        return self.request.response.redirect(self.link(self.search, before=self.before or ""))

    @property
    def before(self) -> str | None:
        """The id of the last job of the page before, None on the first page."""
        try:
            return str(UUID(self.asked("before")))
        except ValueError:
            return None

    @property
    def chips(self) -> list[tuple[Term, str]]:
        """The terms of the search, each with the address without it."""
        return [(term, self.link(self.search.without(term))) for term in self.search.terms]

    @property
    def tabs(self) -> list[Tab]:
        """The tabs; each writes the word ``state:``."""
        return [
            Tab(
                title=title,
                link=self.link(self.search.replace("state", "" if word == OPEN else word)),
                is_current=self.search.state == word,
                number=write_count(self.tally, word, self.language),
            )
            for word, title in TABS.items()
        ]

    @property
    def menus(self) -> list[Menu]:
        """The menus, which write words of the search."""
        menus = (
            ("queue", _("label_queue", default="Queue"), self.queues),
            ("older", _("menu_older", default="Older than"), AGES),
            ("ended", _("menu_ended", default="Ended in the last"), AGES),
        )
        return [
            Menu(title, [(each, self.link(self.search.replace(word, each))) for each in values])
            for word, title, values in menus
            if values
        ]

    @property
    def empty(self) -> str:
        """Why no job is listed: ``new``, ``filter`` or ``own``; empty if some are."""
        if self.rows or self.trouble:
            return ""
        if not self.sees_all:
            return "own"
        return "filter" if self.has_jobs else "new"

    @property
    def has_terms(self) -> bool:
        """True if something is looked for, besides a tab."""
        return any(term.word != "state" for term in self.search.terms)

    @property
    def here(self) -> str:
        """The address of this list, with its search and its page."""
        return self.link(self.search, before=self.before or "")

    def link(self, search: Search, **query: str) -> str:
        """Return the address of the list with a search."""
        return self.address(LIST, q=str(search), **query)

    def _load(self) -> None:
        """Read the rows of the page that is asked for, and how many there are."""
        now = read(manage.now)
        question = self._question(now)
        found = read_within(
            PATIENCE_S,
            lambda connection: manage.find(
                connection, before=self.before, limit=PAGE + 1, **question
            ),
        )
        failures = read(lambda connection: manage.last_failures(connection, _tried(found)))
        if len(found) > PAGE:
            self.next_page = self.link(self.search, before=found[PAGE - 1].id)
        times = Times(now=now, zone=site_zone())
        visible = [job for job in found[:PAGE] if self.may_see(job)]
        self.rows = [self._make_row(job, failures.get(job.id), times) for job in visible]
        if self.sees_all:
            site = site_path(self.site)
            self.has_jobs = bool(read(lambda c: manage.find(c, site=site, limit=1)))
            self.queues = read(manage.queues)
            self.tally = self._count(question)

    def _count(self, question: dict[str, Any]) -> manage.Tally | None:
        """Return how many jobs of each state match; None if that takes too long."""
        asked = question | {"states": (), "is_tried": None}
        try:
            return read_within(
                PATIENCE_S,
                lambda connection: manage.count_newest(connection, most=MOST_COUNTED, **asked),
            )
        except StoreError:
            return None

    def _question(self, now: int) -> dict[str, Any]:
        """Return what is looked for; of others' jobs nobody learns by a word of the search."""
        wanted = self.search.make_filter(now)
        if self.search.state == ALL:
            wanted |= {"states": ()}
        own = {} if self.sees_all else {"owner": current_owner().id}
        return wanted | own | {"site": site_path(self.site)}

    def _make_row(self, job: Job, failure: manage.AttemptError | None, times: Times) -> Row:
        return Row(
            job=job,
            link=f"{self.address(LIST)}/{job.id}",
            times=times,
            is_manager=self.manages,
            may_change=self.may_change(job),
            last_error="" if failure is None else failure.error,
        )

    def _asked_words(self) -> str:
        """Return the words of the search: those of the chips, and what was typed beside them."""
        asked = self.request.form.get("q", "")
        parts = asked if isinstance(asked, list) else [asked]
        return " ".join(part for part in parts if isinstance(part, str))


def _tried(jobs: Sequence[Job]) -> list[str]:
    """Return the ids of those whose last attempt has failed, as far as one can tell."""
    return [job.id for job in jobs if job.attempt and job.state in FAILING]
