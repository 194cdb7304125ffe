"""The teller: has Zope tell its subscribers how jobs have ended, where Zope didn't see that itself.

A job fails or is cancelled outside of Zope; its end and a row of ``coserver_event`` are written in
one transaction. The row goes when Zope has told the event, so each is told at least once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection

from coserver_consumer.model.errors import ZopeUnavailable
from coserver_consumer.model.told_event import Event, EventReport
from coserver_consumer.runtime.logs import event_logs
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.store import maintain
from coserver_consumer.worker.keys import Transactions
from coserver_consumer.zope.events import Tell
from coserver_consumer.zope.service import ZopeBusy

LOOK_EVERY_S = 2.0
EVENTS_PER_QUESTION = 50
MAX_TRIES = 10
FIRST_WAIT_S, LAST_WAIT_S = 10.0, 3600.0  # between two tries; they double

Tellers = Iterable[tuple[Collection[str], Tell]]
"""Queues, and who tells the events of their jobs."""


def make_teller(database: Transactions, tellers: Tellers, *, lease: float) -> Loop:
    """Return the loop, which goes on without a pause while there are more events."""
    return Loop("teller", every=LOOK_EVERY_S, tick=Teller(database, tellers, lease=lease).tick)


class Teller:
    """Takes due events for ``lease`` seconds, has them told, and writes what became of them.

    A consumer that dies meanwhile leaves them to others, when that time is over.
    """

    def __init__(self, database: Transactions, tellers: Tellers, *, lease: float) -> None:
        self._database = database
        self._tellers = [(list(queues), tell) for queues, tell in tellers]
        self._lease = lease
        self._is_waiting = False

    def tick(self) -> float | None:
        """Have some events told; return 0.0 if there may be more."""
        told = [self._tell_some(queues, tell) for queues, tell in self._tellers]
        return 0.0 if any(told) else None

    def _tell_some(self, queues: Collection[str], tell: Tell) -> bool:
        """Return True if some were told: then there may be more."""
        if not self._database.read(lambda connection: maintain.has_due_events(connection, queues)):
            return False
        events = self._database.write(
            lambda connection: maintain.take_events(
                connection, queues, lease=self._lease, limit=EVENTS_PER_QUESTION
            )
        )
        return bool(events) and self._tell(events, tell)

    def _tell(self, events: Sequence[Event], tell: Tell) -> bool:
        try:
            report = tell([each.id for each in events])
        except ZopeBusy:  # it hangs in one of them, and the first try alone shows in which
            self._settle(events, EventReport(failed=tuple(each.id for each in events)))
            return False
        except ZopeUnavailable as error:
            self._wait(str(error))
            self._settle(events, EventReport())
            return False
        self._is_waiting = False
        self._settle(events, report)
        return bool(report.told or report.failed)

    def _settle(self, events: Sequence[Event], report: EventReport) -> None:
        """Remove what was told, put off what failed, and give back the rest."""
        failed = [each for each in events if each.id in report.failed]
        lost = [each for each in failed if each.tries + 1 >= MAX_TRIES]
        later = [each for each in failed if each.tries + 1 < MAX_TRIES]
        gone = {*report.told, *(each.id for each in lost)}
        left = [each.id for each in events if each not in failed and each.id not in gone]

        def work(connection: Connection) -> None:
            maintain.remove_events(connection, [each.id for each in events if each.id in gone])
            for each in later:
                wait = min(LAST_WAIT_S, FIRST_WAIT_S * 2**each.tries)
                maintain.put_off_events(connection, [each.id], wait=wait, has_failed=True)
            maintain.put_off_events(connection, left, wait=0)

        self._database.write(work)
        for each in lost:
            event_logs.given_up(each, each.tries + 1)

    def _wait(self, why: str) -> None:
        """Say once what Zope is waited for."""
        if not self._is_waiting:
            event_logs.events_wait(why)
        self._is_waiting = True
