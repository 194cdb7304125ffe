"""Whatever happens in transactions, in whatever order: the store holds what a simple model says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    rule,
    run_state_machine_as_test,
)
from transaction.interfaces import TransientError
from ZODB import DB
from ZODB.Connection import Connection
from ZODB.FileStorage import FileStorage

from collective.coserver import datamanager, evidence
from collective.coserver.database import engine as addon_engine
from collective.coserver.database.settings import get_settings
from collective.coserver.datamanager.effect import Effect, LostRun
from coserver_consumer import store
from coserver_consumer.errors import InvalidJob
from coserver_consumer.maintenance.resolver import Resolver
from coserver_consumer.model.indoubt import Decision, Question
from coserver_consumer.model.job import Job, RunKey, State, new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.model.outcome import Completed
from coserver_consumer.runtime.database import Database
from coserver_consumer.store import claim, maintain, manage
from coserver_consumer.store.schema import tables
from faults.child import SECRET
from faults.model import Model, Pending
from faults.ordeal import part
from faults.producer import Veto, Vetoer
from faults.storages import OBJECTS
from faults.tally import read_rows
from support.databases import DATABASES

TASK = "faults.machine"
EARLY = "\0"  # sorts before our first data manager, and so before the ZODB
LATE = "~"  # sorts after the ZODB, before our last data manager
LAST = "~~~"  # sorts after our last data manager
EXAMPLES = min(200, part(15))

pytestmark = pytest.mark.timeout(900)  # each step is a commit that waits for three disks

WORK = ["add"] * 12 + ["write", "claim"] * 8 + ["save", "roll_back"] * 4 + ["add_in_hook", "rescue"]
ENDINGS = ["commit"] * 8 + [
    "abort",
    "conflict",
    "veto",
    "veto_after_zodb",
    "veto_after_all",
    "fail_before_zodb_finishes",
    "fail_after_zodb_has_finished",
    "refused",
]
KEYS = st.sampled_from([None, "a"])
NUMBERS = st.integers(0, 3)


class Machine(RuleBasedStateMachine):
    """One thread that does transactions; a resolver looks after each of them."""

    def __init__(self, db: DB, engine: sa.Engine) -> None:
        super().__init__()
        self.db, self.engine = db, engine
        self.model, self.pending = Model(), Pending()
        self.savepoints: list[tuple[Any, Pending]] = []
        self.keys: list[RunKey] = []  # of all jobs that were ever claimed
        self.key: RunKey | None = None  # of the attempt that is to end now
        self.unique_key: str | None = None
        self.number = 0
        self.connection: Connection | None = None
        self.resolver = Resolver(Database(engine), self._ask, older_than=-1, wake=lambda: None)
        self._empty()
        self._begin()

    @rule(action=st.sampled_from(WORK + ENDINGS), unique_key=KEYS, number=NUMBERS)
    def act(self, action: str, unique_key: str | None, number: int) -> None:
        """Do something in the current transaction or as a consumer, or end the transaction.

        A single rule, because Hypothesis leaves some rules out of most of its runs.
        """
        self.unique_key, self.number = unique_key, number
        if action in ENDINGS:
            self.key = self._join_effect()
        getattr(self, action)()
        if action in ENDINGS:
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

    def add(self) -> None:
        """Queue a job."""
        job = NewJob(task=TASK, options=JobOptions(unique=self.unique_key))
        datamanager.join(job)
        self.pending.jobs.append(job)

    def add_in_hook(self) -> None:
        """Queue a job in a before-commit hook."""
        job = NewJob(task=TASK)
        transaction.get().addBeforeCommitHook(datamanager.join, (job,))
        self.pending.hooked.append(job)

    def write(self) -> None:
        """Change the ZODB."""
        name = new_id()
        self.connection.root()[OBJECTS][name] = 1
        self.pending.objects.append(name)

    def save(self) -> None:
        """Make a savepoint."""
        copy = Pending([*self.pending.jobs], [], [*self.pending.objects])
        self.savepoints.append((transaction.savepoint(), copy))

    def roll_back(self) -> None:
        """Go back to a savepoint; those after it are gone, and hooks stay."""
        if not self.savepoints:
            return
        number = self.number % len(self.savepoints)
        savepoint, then = self.savepoints[number]
        del self.savepoints[number + 1 :]
        savepoint.rollback()
        self.pending = Pending([*then.jobs], self.pending.hooked, [*then.objects])

    def claim(self) -> None:
        """Have a consumer claim the next job."""

        def claim_jobs(connection: sa.Connection) -> list[Job]:
            consumer = new_id()
            return claim.claim(
                connection, consumer=consumer, queues=["default"], tasks=[TASK], limit=1
            )

        for job in store.write(self.engine, claim_jobs):
            self.model.claim(job.key)
            self.keys.append(job.key)

    def rescue(self) -> None:
        """Take all jobs from their consumers, none of which is known to be alive."""
        store.write(self.engine, lambda sql: maintain.rescue(sql, max_rescues=1_000_000))
        self.model.rescue()

    def commit(self) -> None:
        """Commit."""
        if self._is_lost:
            self._fail(LostRun)
        else:
            transaction.commit()
            self.model.commit(self.pending, self.key)

    def abort(self) -> None:
        """Think better of it."""
        transaction.abort()

    def conflict(self) -> None:
        """Have another connection change what we change."""
        self.connection.root()["hot"] = new_id()
        with self.db.transaction() as other:
            other.root()["hot"] = new_id()
        self._fail(TransientError)

    def veto(self) -> None:
        """Have another manager refuse before the ZODB votes."""
        transaction.get().join(Vetoer(EARLY, "tpc_vote"))
        self._fail(Veto)

    def veto_after_zodb(self) -> None:
        """Have another refuse before any row is written."""
        transaction.get().join(Vetoer(LATE, "tpc_vote"))
        self._fail(Veto)

    def veto_after_all(self) -> None:
        """Have another refuse when the rows are staged."""
        self._undo_staged(Vetoer(LAST, "tpc_vote"))

    def fail_before_zodb_finishes(self) -> None:
        """Have another fail when all have voted, but the ZODB hasn't finished."""
        self._undo_staged(Vetoer(EARLY, "tpc_finish"))

    def fail_after_zodb_has_finished(self) -> None:
        """Have another fail when the transaction has happened all the same."""
        transaction.get().join(Vetoer(LATE, "tpc_finish"))
        self._fail(LostRun if self._is_lost else Veto)
        if not self._is_lost:
            self.model.commit(self.pending, self.key)

    def refused(self) -> None:
        """Have the store refuse one of the jobs: none is queued."""
        datamanager.join(NewJob(task=""))
        self._fail(InvalidJob, *[LostRun] * self._is_lost)

    def _undo_staged(self, vetoer: Vetoer) -> None:
        """Commit in vain with a change in the ZODB; a job that was to end is run again."""
        self.write()
        transaction.get().join(vetoer)
        self._fail(LostRun if self._is_lost else Veto)
        if self.key is not None and not self._is_lost:
            self.model.take_back(self.key.job_id)

    def _empty(self) -> None:
        with self.engine.begin() as connection:
            for table in tables.metadata.sorted_tables:
                connection.execute(sa.delete(table))
            manage.add_queue(connection, "default")
        with self.db.transaction() as connection:
            connection.root()[OBJECTS] = OOBTree()

    def _begin(self) -> None:
        """Begin the next transaction."""
        if self.connection is not None:
            self.connection.close()
        transaction.begin()
        self.connection = self.db.open()
        self.pending, self.savepoints = Pending(), []

    def _fail(self, *errors: type[Exception]) -> None:
        """Commit in vain."""
        with pytest.raises(errors):
            transaction.commit()
        transaction.abort()

    def _join_effect(self) -> RunKey | None:
        """Often let the transaction be the end of a job that was claimed some time."""
        if self.number >= len(self.keys):
            return None
        key = self.keys[-1 - self.number]
        datamanager.join_effect(Effect(key, Completed))
        return key

    @property
    def _is_lost(self) -> bool:
        """True if the transaction is an attempt that isn't current any more."""
        return self.key is not None and not self.model.is_current(self.key)

    def _ask(self, questions: Sequence[Question]) -> list[Decision]:
        return evidence.answer(questions, {"main": self.db})


@pytest.fixture
def zodb(tmp_path: Path) -> Iterator[DB]:
    """A ZODB in a file."""
    db = DB(FileStorage(str(tmp_path / "Data.fs")), database_name="main")
    yield db
    transaction.abort()
    db.close()


@pytest.fixture(params=DATABASES)
def queue(
    request: pytest.FixtureRequest,
    open_queue: Callable[[str], sa.Engine],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[sa.Engine]:
    """The queue of this process's data managers."""
    engine = open_queue(request.param)
    monkeypatch.setenv("COSERVER_DATABASE", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("COSERVER_SECRET", SECRET)
    forget_settings()
    yield engine
    addon_engine.get_engine().dispose()
    forget_settings()


def forget_settings() -> None:
    """Have the settings read anew."""
    get_settings.cache_clear()
    addon_engine._open.cache_clear()


def test_the_store_always_holds_what_the_model_says(zodb: DB, queue: sa.Engine) -> None:
    """Hypothesis makes up the transactions."""
    run_state_machine_as_test(
        lambda: Machine(zodb, queue),
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=50, deadline=None, database=None
        ),
    )
