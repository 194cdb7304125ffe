"""Failed jobs by task and error, ``@@coserver-failures``."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zope.i18nmessageid import Message

from collective.coserver.controlpanel.all_jobs import AllJobsPage
from collective.coserver.controlpanel.failures.error_text import normalize_error
from collective.coserver.controlpanel.jobs.search import Search, Term
from collective.coserver.controlpanel.numbers import write_number
from collective.coserver.controlpanel.page import FAILURES, LIST, OUT_OF_REACH
from collective.coserver.controlpanel.times import DAY, HOUR, Moment, Times, site_zone
from collective.coserver.database.engine import read, read_within
from collective.coserver.i18n import _
from collective.coserver.identity.site import site_path
from coserver_consumer.model.errors import StoreError, TooSlow
from coserver_consumer.store import manage

logger = logging.getLogger("collective.coserver")

SPANS = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY}
MOST = 20_000  # ended jobs that are looked at
MOST_GROUPS = 100
PATIENCE_S = 2.0  # that the database has


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """How many jobs failed in a span, and the list of these; none has no link."""

    number: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The failures of a task that have the same error, numbers and the like left out."""

    task: str
    error: str
    cells: Sequence[Cell]
    last: Moment


class FailuresView(AllJobsPage):
    """What failed within a week: a row for each task and error, a number for each span."""

    page = FAILURES
    trouble: Message | None = None
    groups: Sequence[Group] = ()

    def show(self) -> str:
        """Return the page, with as much as can be found out."""
        try:
            self.groups = self._load()
        except TooSlow:
            self.trouble = _(
                "message_failures_too_slow",
                default="The database needs too long to look through the failures.",
            )
        except StoreError:
            logger.exception("The failures can't be listed.")
            self.trouble = OUT_OF_REACH
        return self.index()

    @property
    def spans(self) -> list[str]:
        """The heads of the columns, as the search writes them."""
        return list(SPANS)

    def _load(self) -> list[Group]:
        now = read(manage.now)
        asked = {"site": site_path(self.site), "since": now - max(SPANS.values()), "most": MOST}
        found = read_within(PATIENCE_S, lambda connection: manage.failures(connection, **asked))
        times = Times(now=now, zone=site_zone())
        groups = group_failures(found)
        first = sorted(groups.items(), key=lambda item: _rank(item[1], now), reverse=True)
        return [
            self._make_group(task, error, moments, times)
            for (task, error), moments in first[:MOST_GROUPS]
        ]

    def _make_group(self, task: str, error: str, moments: Sequence[int], times: Times) -> Group:
        cells = [
            self._make_cell(task, error, name, sum(at >= times.now - span for at in moments))
            for name, span in SPANS.items()
        ]
        return Group(task=task, error=error, cells=cells, last=times.tell(max(moments)))

    def _make_cell(self, task: str, error: str, span: str, number: int) -> Cell:
        terms = [Term("state", "failed"), Term("task", task), Term("ended", span)]
        terms += [Term("error", error)] if error else []
        link = self.address(LIST, q=str(Search(tuple(terms)))) if number else ""
        return Cell(number=write_number(number, self.language), link=link)


def group_failures(
    found: Iterable[manage.Failure],
) -> dict[tuple[str, str], list[int]]:
    """Return when jobs failed, by their task and by their error without what varies."""
    groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for failure in found:
        groups[failure.task, normalize_error(failure.error)].append(failure.at)
    return groups


def _rank(moments: Sequence[int], now: int) -> tuple[int, int]:
    """Put first what failed most often within a day."""
    return sum(at >= now - DAY for at in moments), len(moments)
