"""The resolver: recovers jobs whose transaction is in doubt, since its process died.

A request that died between its vote and its end leaves its jobs staged; a job that died there is
left finishing. The ZODB knows whether the transaction committed, and Zope's side of coserver asks
it. While there is nothing to ask, a tick is one SELECT on an index.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import assert_never

from sqlalchemy import Connection

from coserver_consumer.model.errors import EvidenceUnavailable, StoreUnavailable
from coserver_consumer.model.indoubt import Decision, Fate, Mark, Question, read_run_mark
from coserver_consumer.model.job import RunKey
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import recovery_logs
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.store import enqueue, finish

RECHECK_EVERY_S = 3600.0  # what was dropped is asked again, in case somebody was very slow
MAX_IN_DOUBT_S = 86_400.0  # until then it is asked again: other Zopes may have its ZODB

Ask = Callable[[Sequence[Question]], list[Decision]]


def make_resolver(database: Database, ask: Ask, *, every: float, wake: Callable[[], None]) -> Loop:
    """Return the loop; ``wake`` is called when there are jobs to be claimed."""
    resolver = Resolver(database, ask, older_than=every, wake=wake)
    return Loop("resolver", every=every, tick=resolver.tick)


class Resolver:
    """Asks about what is older than ``older_than`` seconds, and writes what it is told."""

    def __init__(
        self, database: Database, ask: Ask, *, older_than: float, wake: Callable[[], None]
    ) -> None:
        self._database = database
        self._ask = ask
        self._older_than = older_than
        self._wake = wake
        self._next_recheck = time.monotonic()
        self._is_waiting = False

    def tick(self) -> None:
        """Ask about what is in doubt, and apply the decisions.

        At the start and now and then Zope is called even without a question: it tends what its
        evidence hangs on.
        """
        is_recheck = time.monotonic() >= self._next_recheck
        questions = self._find_in_doubt()
        if not questions and not is_recheck:
            return
        try:
            self._recover(questions + (self._find_dropped() if is_recheck else []))
            while questions:
                questions = self._find_in_doubt(behind=questions[-1])
                if questions:
                    self._recover(questions)
        except EvidenceUnavailable as error:
            self._wait(str(error) if questions else None)
            return
        self._is_waiting = False
        if is_recheck:
            self._next_recheck = time.monotonic() + RECHECK_EVERY_S

    def _find_in_doubt(self, *, behind: Question | None = None) -> list[Question]:
        """Return the next page of questions, those behind the one given."""

        def find(connection: Connection) -> list[Question]:
            return finish.find_in_doubt(connection, older_than=self._older_than, behind=behind)

        return self._database.write(find)

    def _find_dropped(self) -> list[Question]:
        return self._database.write(finish.find_dropped)

    def _recover(self, questions: Sequence[Question]) -> None:
        """Ask, and apply the decisions; what stays in doubt for a day can't be traced."""
        decisions = {(each.mark, each.value): each for each in self._ask(questions)}
        for question in questions:
            decision = decisions.get((question.mark, question.value))
            if decision is not None or question.age > MAX_IN_DOUBT_S:
                self._apply(question, decision or question.decide(Fate.UNTRACEABLE))

    def _apply(self, question: Question, decision: Decision) -> None:
        """Write what follows; a decision that can't be written keeps no other back."""

        def work(connection: Connection) -> int:
            is_known = decision.fate in (Fate.COMMITTED, Fate.ABORTED)
            if not is_known and not finish.still_asks(connection, question):
                return 0
            return apply(connection, decision)

        try:
            number = self._database.write(work)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  what Zope said is somebody else's text
            recovery_logs.decision_refused(decision, error)
            return
        if number:
            recovery_logs.recovered(decision, number)
            self._wake()

    def _wait(self, why: str | None) -> None:
        """Say once what Zope is waited for, whatever else is wrong with it meanwhile."""
        if why is not None and not self._is_waiting:
            recovery_logs.recovery_waits(why)
        self._is_waiting = why is not None


def apply(connection: Connection, decision: Decision) -> int:
    """Write what follows from a decision; return how many jobs that changed."""
    match decision.mark:
        case Mark.BATCH:
            return _apply_to_batch(connection, decision)
        case Mark.RUN:
            key = read_run_mark(decision.value)
            return 0 if key is None else int(_apply_to_run(connection, decision, RunKey(*key)))
        case _:
            assert_never(decision.mark)


def _apply_to_batch(connection: Connection, decision: Decision) -> int:
    match decision.fate:
        case Fate.COMMITTED:
            return enqueue.promote(connection, decision.value, tid=decision.tid)
        case Fate.ABORTED:
            return enqueue.drop_staged(connection, decision.value)
        case Fate.PACKED | Fate.UNTRACEABLE:
            return enqueue.abandon_staged(connection, decision.value, fate=decision.fate)
        case _:
            assert_never(decision.fate)


def _apply_to_run(connection: Connection, decision: Decision, key: RunKey) -> bool:
    match decision.fate:
        case Fate.COMMITTED:
            return finish.complete_finishing(connection, key)
        case Fate.ABORTED:
            return finish.requeue_finishing(connection, key)
        case Fate.PACKED | Fate.UNTRACEABLE:
            return finish.abandon_finishing(connection, key, fate=decision.fate)
        case _:
            assert_never(decision.fate)
