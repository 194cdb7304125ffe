"""Whatever happens in transactions, in whatever order: the store holds what a simple model says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import transaction
from BTrees.OOBTree import OOBTree
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from transaction.interfaces import TransientError
from ZODB import DB
from ZODB.FileStorage import FileStorage

from collective.coserver import datamanager, evidence
from collective.coserver import engine as addon_engine
from collective.coserver.datamanager.effect import Effect, LostRun
from collective.coserver.settings import get_settings
from coserver_consumer import store
from coserver_consumer.database import Database
from coserver_consumer.errors import InvalidJob
from coserver_consumer.job import NewJob, RunKey, State, new_id
from coserver_consumer.outcome import Completed
from coserver_consumer.resolver import Resolver
from coserver_consumer.store import schema
from faults.child import SECRET
from faults.model import Model, Pending
from faults.ordeal import part
from faults.producer import Veto, Vetoer
from faults.storages import OBJECTS, opened
from faults.tally import read_rows

TASK = "faults.machine"
EARLY = "\0"  # sorts before our first data manager, and so before the ZODB
LATE = "~"  # sorts after the ZODB, before our last data manager
LAST = "~~~"  # sorts after our last data manager
EXAMPLES = min(200, part(30))

KEYS = st.sampled_from([None, None, None, "a", "b"])
EFFECT = st.booleans()


class Machine(RuleBasedStateMachine):
    """One thread that does transactions; a resolver looks after each of them."""

    def __init__(self, db: DB, engine: sa.Engine) -> None:
        super().__init__()
        self.db, self.engine = db, engine
        self.model, self.pending = Model(), Pending()
        self.savepoints: list[tuple[Any, Pending]] = []
        self.keys: list[RunKey] = []
        self.named: dict[str, str | None] = {}
        self.resolver = Resolver(Database(engine), self._ask, patience=-1, wake=lambda: None)
        self._empty()
        self._begin()

    @rule(unique_key=KEYS)
    def add(self, unique_key: str | None) -> None:
        """Queue a job."""
        job = self._make(unique_key)
        datamanager.join(job)
        self.pending.jobs.append(job)

    @rule()
    def add_in_hook(self) -> None:
        """Queue a job in a before-commit hook."""
        job = self._make(None)
        transaction.get().addBeforeCommitHook(datamanager.join, (job,))
        self.pending.hooked.append(job)

    @rule()
    def write(self) -> None:
        """Change the ZODB."""
        name = new_id()
        self.root[OBJECTS][name] = 1
        self.pending.objects.append(name)

    @rule()
    def save(self) -> None:
        """Make a savepoint."""
        copy = Pending([*self.pending.jobs], [], [*self.pending.objects])
        self.savepoints.append((transaction.savepoint(), copy))

    @precondition(lambda self: self.savepoints)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        """Go back to a savepoint; those after it are gone."""
        number = data.draw(st.integers(0, len(self.savepoints) - 1))
        savepoint, then = self.savepoints[number]
        del self.savepoints[number + 1 :]
        savepoint.rollback()
        self.pending = Pending([*then.jobs], self.pending.hooked, [*then.objects])

    @rule()
    def claim(self) -> None:
        """Have a consumer claim the next job."""
        for job in store.write(self.engine, self._claim):
            self.model.claim(job.key)
            self.keys.append(job.key)

    @rule()
    def rescue(self) -> None:
        """Take all jobs from consumers, none of which is alive."""
        store.write(self.engine, lambda sql: store.rescue(sql, max_rescues=1_000_000))
        for job_id, state in self.model.states.items():
            if state is State.RUNNING:
                self.model.take_back(job_id)

    @rule(effect=EFFECT)
    def commit(self, effect: bool) -> None:  # noqa: FBT001
        """Commit; with an effect it is the end of a claimed job too, if the claim still holds."""
        key = self._join_effect(effect)
        if key is not None and not self.model.is_current(key):
            self._fail(LostRun)
            self._begin()
            return
        transaction.commit()
        self._keep(key)

    @rule()
    def abort(self) -> None:
        """Think better of it."""
        transaction.abort()
        self._begin()

    @rule(effect=EFFECT)
    def conflict(self, effect: bool) -> None:  # noqa: FBT001
        """Another connection has changed what we change."""
        self._join_effect(effect)
        self.root["hot"] = new_id()
        with self.db.transaction() as other:
            other.root()["hot"] = new_id()
        self._fail(TransientError)
        self._begin()

    @rule(
        effect=EFFECT,
        sort_key=st.sampled_from([EARLY, LATE]),
        method=st.sampled_from(["tpc_begin", "commit", "tpc_vote"]),
    )
    def veto(self, effect: bool, sort_key: str, method: str) -> None:  # noqa: FBT001
        """Another manager refuses before any row is written."""
        self._join_effect(effect)
        transaction.get().join(Vetoer(sort_key, method))
        self._fail(Veto)
        self._begin()

    @precondition(lambda self: self.pending.changes_zodb)
    @rule(effect=EFFECT, refusal=st.sampled_from([(LAST, "tpc_vote"), (EARLY, "tpc_finish")]))
    def veto_late(self, effect: bool, refusal: tuple[str, str]) -> None:  # noqa: FBT001
        """Another manager refuses when the rows are staged and the ZODB hasn't finished."""
        key = self._join_effect(effect)
        transaction.get().join(Vetoer(*refusal))
        is_lost = key is not None and not self.model.is_current(key)
        self._fail(LostRun if is_lost else Veto)
        if key is not None and not is_lost:
            self.model.take_back(key.job_id)
        self._begin()

    @rule(effect=EFFECT)
    def fail_in_finish(self, effect: bool) -> None:  # noqa: FBT001
        """Another manager fails when the ZODB has finished: it has happened all the same."""
        key = self._join_effect(effect)
        transaction.get().join(Vetoer(LATE, "tpc_finish"))
        if key is not None and not self.model.is_current(key):
            self._fail(LostRun)
            self._begin()
            return
        self._fail(Veto)
        self._keep(key)

    @rule()
    def add_what_is_refused(self) -> None:
        """The store refuses a job: none of the transaction's is queued."""
        datamanager.join(NewJob(task=""))
        self._fail(InvalidJob)
        self._begin()

    @invariant()
    def store_holds_what_the_model_says(self) -> None:
        """Compare jobs and objects; what was dropped never was."""
        self.resolver.tick()
        rows = read_rows(self.engine)
        found = {row.id: row.state for row in rows if row.state is not State.DROPPED}
        assert found == self.model.states
        with self.db.transaction() as connection:
            assert set(connection.root()[OBJECTS]) == self.model.objects

    def teardown(self) -> None:
        """Leave no transaction open."""
        transaction.abort()
        self.connection.close()
