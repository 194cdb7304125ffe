"""What is wrong, the worst first: a sentence and what mends it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from zope.i18nmessageid import Message

from collective.coserver.controlpanel.jobs.search import Term
from collective.coserver.controlpanel.numbers import write_number
from collective.coserver.controlpanel.times import SECOND, round_length
from collective.coserver.i18n import _
from coserver_consumer.model.job import State
from coserver_consumer.store.manage import Consumer, Ended, Live

WAITING = frozenset({State.READY, State.SCHEDULED, State.BLOCKED, State.STAGED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelWarning:
    """Something that is wrong; ``command`` mends it on the server, ``search`` shows its jobs."""

    text: Message | str
    command: str = ""
    search: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the jobs of a site, the queues and the consumers stand. ``now`` is the database's time.

    ``ended`` are those of a day, ``unclear`` is the number of those that wait for a decision.
    ``paused``: the names of queues in which no job begins. ``has_all_live`` and ``has_all_ended``
    tell whether all such jobs were looked at.
    """

    live: Sequence[Live]
    has_all_live: bool
    ended: Sequence[Ended]
    has_all_ended: bool
    unclear: int
    alive: Sequence[Consumer]
    dead: Sequence[Consumer]
    paused: frozenset[str]
    now: int

    @property
    def waiting(self) -> Mapping[str, int]:
        """How many jobs wait in each queue that has some."""
        found: dict[str, int] = {}
        for each in self.live:
            if each.state in WAITING:
                found[each.queue] = found.get(each.queue, 0) + each.number
        return found


def find_warnings(standing: Standing, language: str) -> list[PanelWarning]:
    """Return what is wrong now, with numbers as the language writes them."""
    waiting = {
        queue: write_number(number, language, is_whole=standing.has_all_live)
        for queue, number in sorted(standing.waiting.items())
    }
    if waiting and not standing.alive:
        number = sum(standing.waiting.values())
        said = write_number(number, language, is_whole=standing.has_all_live)
        return [_nobody_lives(standing, said), *_unclear(standing, language)]
    return [
        *_nobody_serves(standing, waiting),
        *_paused(standing, waiting),
        *_unavailable(standing.alive),
        *_unclear(standing, language),
    ]


def _nobody_lives(standing: Standing, number: str) -> PanelWarning:
    command = f"coserver run --queues {shlex.quote(','.join(sorted(standing.waiting)))}"
    if not standing.dead:
        said = {"number": number}
        text = _(
            "warning_no_consumer",
            default="Nobody runs the jobs: no consumer was ever started. Waiting: ${number}.",
            mapping=said,
        )
        return PanelWarning(text=text, command=command)
    last = max(standing.dead, key=lambda each: each.heartbeat_at)
    said = {
        "number": number,
        "consumer": last.name,
        "length": round_length(round(last.age * SECOND)),
    }
    text = _(
        "warning_dead_consumers",
        default="Nobody runs the jobs: the last consumer, ${consumer}, was heard of ${length} ago. "
        "Waiting: ${number}.",
        mapping=said,
    )
    return PanelWarning(text=text, command=command)


def _nobody_serves(standing: Standing, waiting: Mapping[str, str]) -> Iterator[PanelWarning]:
    served = {queue for consumer in standing.alive for queue in consumer.queues}
    for queue, number in waiting.items():
        if queue not in served:
            text = _(
                "warning_not_served",
                default="No consumer serves the queue ${queue}. Waiting in it: ${number}.",
                mapping={"queue": queue, "number": number},
            )
            command = f"coserver run --queues {shlex.quote(queue)}"
            yield PanelWarning(text=text, command=command, search=str(Term("queue", queue)))


def _paused(standing: Standing, waiting: Mapping[str, str]) -> Iterator[PanelWarning]:
    for queue, number in waiting.items():
        if queue in standing.paused:
            text = _(
                "warning_paused",
                default="The queue ${queue} is paused. Waiting in it: ${number}.",
                mapping={"queue": queue, "number": number},
            )
            command = f"coserver queues resume {shlex.quote(queue)}"
            yield PanelWarning(text=text, command=command, search=str(Term("queue", queue)))


def _unavailable(alive: Iterable[Consumer]) -> Iterator[PanelWarning]:
    for text in dict.fromkeys(each.why for consumer in alive for each in consumer.unavailable):
        yield PanelWarning(text=text)


def _unclear(standing: Standing, language: str) -> Iterator[PanelWarning]:
    if standing.unclear:
        number = write_number(standing.unclear, language, is_whole=standing.has_all_ended)
        text = _(
            "warning_unclear",
            default="Nobody knows any more whether the requests of some jobs have committed: retry "
            "or cancel each. They are: ${number}.",
            mapping={"number": number},
        )
        yield PanelWarning(text=text, search="state:unclear")
