"""The resolver: finds out what became of jobs whose process died around a commit.

A request that died between its vote and its end leaves its jobs staged; a job that died there is
left finishing. The ZODB knows whether the transaction committed, and Zope's side of coserver asks
it. While there is nothing to ask, a tick is one SELECT on an index.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import assert_never

from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.model.errors import EvidenceUnavailable, StoreUnavailable
from coserver_consumer.model.indoubt import Finding, Mark, Question, Verdict, read_run_mark
from coserver_consumer.model.job import RunKey
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import recovery_logs
from coserver_consumer.runtime.loop import Loop

RECHECK_EVERY_S = 3600.0  # what was dropped is asked again, in case somebody was very slow
MAX_QUESTION_AGE_S = 86_400.0  # until then it is asked again: other Zopes may have its ZODB

Ask = Callable[[Sequence[Question]], list[Verdict]]


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
        self._complaint = ""

    def tick(self) -> None:
        """Ask and resolve once.

        At the start and now and then Zope is called even without a question: it tends what its
        evidence hangs on.
        """
        is_recheck = time.monotonic() >= self._next_recheck
        questions = self._find_unresolved()
        if not questions and not is_recheck:
            return
        try:
            self._resolve(questions + (self._find_dropped() if is_recheck else []))
            while questions:
                questions = self._find_unresolved(behind=questions[-1])
                if questions:
                    self._resolve(questions)
        except EvidenceUnavailable as error:
            self._complain(str(error) if questions else "")
            return
        self._complain("")
        if is_recheck:
            self._next_recheck = time.monotonic() + RECHECK_EVERY_S

    def _find_unresolved(self, *, behind: Question | None = None) -> list[Question]:
        """Return the next page of questions, those behind the one given."""

        def find(connection: Connection) -> list[Question]:
            return store.find_unresolved(connection, older_than=self._older_than, behind=behind)

        return self._database.write(find)

    def _find_dropped(self) -> list[Question]:
        return self._database.write(store.find_dropped)

    def _resolve(self, questions: Sequence[Question]) -> None:
        """Ask, and write what is told; what stays open for a day is nowhere to be found."""
        verdicts = {(verdict.mark, verdict.value): verdict for verdict in self._ask(questions)}
        for question in questions:
            verdict = verdicts.get((question.mark, question.value))
            if verdict is not None or question.age > MAX_QUESTION_AGE_S:
                self._settle(question, verdict or _nowhere(question))

    def _settle(self, question: Question, verdict: Verdict) -> None:
        """Write what follows; a verdict that can't be written keeps no other back."""

        def work(connection: Connection) -> int:
            is_told = verdict.finding in (Finding.COMMITTED, Finding.ABSENT)
            if not is_told and not store.still_asks(connection, question):
                return 0
            return settle(connection, verdict)

        try:
            number = self._database.write(work)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  what Zope said is somebody else's text
            recovery_logs.resolution_refused(verdict, error)
            return
        if number:
            recovery_logs.resolved(verdict, number)
            self._wake()

    def _complain(self, complaint: str) -> None:
        """Say once what is wrong, not at every tick."""
        if complaint and complaint != self._complaint:
            recovery_logs.unresolved(complaint)
        self._complaint = complaint


def _nowhere(question: Question) -> Verdict:
    return Verdict(mark=question.mark, value=question.value, finding=Finding.NOWHERE)


def settle(connection: Connection, verdict: Verdict) -> int:
    """Write what follows from a verdict; return how many jobs it changed."""
    match verdict.mark:
        case Mark.BATCH:
            return _settle_batch(connection, verdict)
        case Mark.RUN:
            key = read_run_mark(verdict.value)
            if key is None:
                return 0
            return int(_settle_run(connection, verdict.finding, RunKey(*key)))
        case _:
            assert_never(verdict.mark)


def _settle_batch(connection: Connection, verdict: Verdict) -> int:
    match verdict.finding:
        case Finding.COMMITTED:
            return store.promote(connection, verdict.value, tid=verdict.tid)
        case Finding.ABSENT:
            return store.drop(connection, verdict.value)
        case Finding.LOST:
            return store.forsake(connection, verdict.value)
        case Finding.NOWHERE:
            return store.forsake(connection, verdict.value, why=store.NOWHERE)
        case _:
            assert_never(verdict.finding)


def _settle_run(connection: Connection, finding: Finding, key: RunKey) -> bool:
    match finding:
        case Finding.COMMITTED:
            return store.complete(connection, key)
        case Finding.ABSENT:
            return store.revoke(connection, key)
        case Finding.LOST:
            return store.lose(connection, key)
        case Finding.NOWHERE:
            return store.lose(connection, key, why=store.NOWHERE)
        case _:
            assert_never(finding)
