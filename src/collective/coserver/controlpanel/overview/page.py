"""What goes on, at a glance: ``@@coserver``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from zope.i18nmessageid import Message

from collective.coserver.controlpanel.all_jobs import AllJobsPage, Number
from collective.coserver.controlpanel.jobs.search import Term
from collective.coserver.controlpanel.numbers import MOST_COUNTED, write_number
from collective.coserver.controlpanel.overview.warnings import (
    WAITING,
    PanelWarning,
    Standing,
    find_warnings,
)
from collective.coserver.controlpanel.page import LIST, OUT_OF_REACH, OVERVIEW
from collective.coserver.controlpanel.times import DAY, HOUR, Moment, Times, round_length, site_zone
from collective.coserver.database.engine import read_within
from collective.coserver.database.settings import get_settings
from collective.coserver.i18n import _
from collective.coserver.identity.site import site_path
from coserver_consumer.model.errors import StoreError
from coserver_consumer.model.job import Job, State
from coserver_consumer.store import claim, manage

logger = logging.getLogger("collective.coserver")

MOST_RUNNING = 100  # jobs that are named
PATIENCE_S = 2.0  # that the database has for each question


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """How a queue stands, as far as jobs of the site are in it."""

    name: str
    link: str
    is_paused: bool
    waiting: Number
    again: Number
    running: Number
    failed: Number
    done: Number
    oldest: Message | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerRow:
    """A consumer that lives, and which of the site's jobs it runs."""

    consumer: manage.Consumer
    heard: Message
    jobs: Sequence[tuple[Job, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """The failures of a task."""

    task: str
    lately: Number
    day: Number
    last: Moment


class OverviewView(AllJobsPage):
    """What is wrong, what waits where, who works, what fails."""

    page = OVERVIEW
    trouble: Message | None = None
    standing: Standing | None = None
    running: Sequence[Job] = ()

    def show(self) -> str:
        """Return the page, with as much as can be found out."""
        try:
            self.standing = read_within(PATIENCE_S, self._look)
        except StoreError:
            logger.exception("The overview can't be made.")
            self.trouble = OUT_OF_REACH
        return self.index()

    @property
    def warnings(self) -> list[PanelWarning]:
        """What is wrong, the worst first."""
        return [] if self.standing is None else find_warnings(self.standing, self.language)

    @property
    def is_new(self) -> bool:
        """True if nothing was ever queued here, as far as the store remembers."""
        standing = self.standing
        return standing is not None and not standing.live and not self.has_history

    @property
    def queues(self) -> list[QueueRow]:
        """The queues that have jobs of the site now, or had some within a day."""
        standing = self._known
        names = {each.queue for each in (*standing.live, *standing.ended)}
        return [self._make_queue(name) for name in sorted(names)]

    @property
    def consumers(self) -> list[ConsumerRow]:
        """The consumers that live."""
        return [
            ConsumerRow(
                consumer=each,
                heard=self._times.tell(each.heartbeat_at).text,
                jobs=[
                    (job, f"{self.address(LIST)}/{job.id}")
                    for job in self.running
                    if job.consumer == each.id
                ],
            )
            for each in self._known.alive
        ]

    @property
    def failures(self) -> list[TaskRow]:
        """What failed within a day, by task, the most frequent first."""
        failed = [each for each in self._known.ended if each.state is State.FAILED]
        numbers = dict.fromkeys((each.task for each in failed), 0)
        for each in failed:
            numbers[each.task] += each.number
        return [self._make_task(task) for task in sorted(numbers, key=numbers.get, reverse=True)]

    @property
    def most_counted(self) -> str:
        """So many ended jobs are looked at."""
        return write_number(MOST_COUNTED, self.language)

    @property
    def _known(self) -> Standing:
        assert self.standing is not None  # noqa: S101  the template asks only then
        return self.standing

    @property
    def _times(self) -> Times:
        return Times(now=self._known.now, zone=site_zone())

    def _make_queue(self, name: str) -> QueueRow:
        live = [each for each in self._known.live if each.queue == name]
        ended = [each for each in self._known.ended if each.queue == name]
        waits = [each for each in live if each.state in WAITING]
        ready = [each.oldest for each in live if each.state is State.READY]
        is_paused = name in self._known.paused

        def number(words: str, counts: Sequence[int]) -> Number:
            has_all = self._known.has_all_ended if "ended:" in words else self._known.has_all_live
            return self.count(sum(counts), f"{words} {Term('queue', name)}", is_whole=has_all)

        return QueueRow(
            name=name,
            link=self.search_link(str(Term("queue", name))),
            is_paused=is_paused,
            waiting=number("state:waiting,planned,again", [each.number for each in waits]),
            again=number("state:again", [each.number for each in waits if _is_again(each)]),
            running=number(
                "state:running",
                [each.number for each in live if each.state in (State.RUNNING, State.FINISHING)],
            ),
            failed=number("state:failed ended:24h", _numbers(ended, State.FAILED)),
            done=number("state:done ended:24h", _numbers(ended, State.COMPLETED)),
            oldest=self._tell_wait(min(ready)) if ready and not is_paused else None,
        )

    def _make_task(self, task: str) -> TaskRow:
        mine = [
            each for each in self._known.ended if (each.task, each.state) == (task, State.FAILED)
        ]

        def number(span: str, counts: Sequence[int]) -> Number:
            words = f"state:failed {Term('task', task)} ended:{span}"
            return self.count(sum(counts), words, is_whole=self._known.has_all_ended)

        return TaskRow(
            task=task,
            lately=number("1h", [each.lately for each in mine]),
            day=number("24h", [each.number for each in mine]),
            last=self._times.tell(max(each.last for each in mine)),
        )

    def _tell_wait(self, since: int) -> Message:
        length = round_length(max(0, self._known.now - since))
        if self._known.has_all_live:
            return length
        return _("wait_or_longer", default="${length} or longer", mapping={"length": length})

    def _look(self, connection: Connection) -> Standing:
        now = manage.now(connection)
        site = site_path(self.site)
        known = manage.consumers(connection)
        dead_after = get_settings().dead_after
        self.running = manage.find(
            connection, site=site, states=[State.RUNNING], limit=MOST_RUNNING
        )
        self.has_history = bool(manage.find(connection, site=site, limit=1))
        live = manage.count_live(connection, site=site, most=MOST_COUNTED)
        unclear = manage.count_newest(
            connection, site=site, states=[State.UNKNOWN], most=MOST_COUNTED
        )
        return Standing(
            live=live,
            has_all_live=sum(each.number for each in live) < MOST_COUNTED,
            ended=manage.count_ended(
                connection, site=site, since=now - DAY, lately=now - HOUR, most=MOST_COUNTED
            ),
            has_all_ended=unclear.is_whole[False],
            unclear=sum(unclear.numbers.values()),
            alive=[each for each in known if not each.is_dead(dead_after)],
            dead=[each for each in known if each.is_dead(dead_after)],
            paused=_find_paused(connection),
            now=now,
        )


def _find_paused(connection: Connection) -> frozenset[str]:
    found = claim.read_snapshot(connection, manage.queues(connection)).queues
    return frozenset(queue.name for queue in found if queue.is_paused)


def _numbers(ended: Sequence[manage.Ended], state: State) -> list[int]:
    return [each.number for each in ended if each.state is state]


def _is_again(live: manage.Live) -> bool:
    return live.state is State.SCHEDULED and live.is_tried
