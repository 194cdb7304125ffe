"""Failed jobs by task and error, ``@@coserver-failures``."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from zope.i18nmessageid import Message

from collective.coserver.controlpanel.all_jobs import AllJobsPage, Number
from collective.coserver.controlpanel.failures.error_text import normalize_error
from collective.coserver.controlpanel.jobs.search import Search, Term
from collective.coserver.controlpanel.numbers import MOST_COUNTED, write_number
from collective.coserver.controlpanel.page import FAILURES, OUT_OF_REACH
from collective.coserver.controlpanel.times import DAY, HOUR, Moment, Times, site_zone
from collective.coserver.database.engine import read_within
from collective.coserver.i18n import _
from collective.coserver.identity.site import site_path
from coserver_consumer.model.errors import StoreError, TooSlow
from coserver_consumer.model.job import State
from coserver_consumer.store import manage

logger = logging.getLogger("collective.coserver")

SPANS = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY}
MOST_GROUPS = 100
PATIENCE_S = 2.0  # that the database has


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The failures of a task that have the same error, numbers and the like left out."""

    task: str
    error: str
    numbers: Sequence[Number]
    last: Moment


class FailuresView(AllJobsPage):
    """What failed within a week: a row for each task and error, a number for each span."""

    page = FAILURES
    trouble: Message | None = None
    groups: Sequence[Group] = ()
    left_out = 0  # groups
    is_whole = True  # all ended jobs were looked at

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

    @property
    def most_counted(self) -> str:
        """So many ended jobs are looked at."""
        return write_number(MOST_COUNTED, self.language)

    def _load(self) -> list[Group]:
        now, found = read_within(PATIENCE_S, self._look)
        times = Times(now=now, zone=site_zone())
        groups = group_failures(found)
        self.left_out = max(0, len(groups) - MOST_GROUPS)
        first = sorted(groups.items(), key=lambda item: _rank(item[1], now), reverse=True)
        return [
            self._make_group(task, error, moments, times)
            for (task, error), moments in first[:MOST_GROUPS]
        ]

    def _look(self, connection: Connection) -> tuple[int, Sequence[manage.Failure]]:
        now = manage.now(connection)
        site, since = site_path(self.site), now - max(SPANS.values())
        counted = manage.count_newest(
            connection, site=site, states=[State.FAILED], most=MOST_COUNTED
        )
        self.is_whole = counted.is_whole[False]
        return now, manage.failures(connection, site=site, since=since, most=MOST_COUNTED)

    def _make_group(self, task: str, error: str, moments: Sequence[int], times: Times) -> Group:
        numbers = [
            self._count(task, error, name, sum(at >= times.now - span for at in moments))
            for name, span in SPANS.items()
        ]
        return Group(task=task, error=error, numbers=numbers, last=times.tell(max(moments)))

    def _count(self, task: str, error: str, span: str, number: int) -> Number:
        terms = [Term("state", "failed"), Term("task", task), Term("ended", span)]
        terms += [Term("error", error)] if error else []
        return self.count(number, str(Search(tuple(terms))), is_whole=self.is_whole)


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
