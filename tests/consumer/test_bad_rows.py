"""Rows that other programs write stop nobody: whatever is in one, the others' jobs are done.

All edge values of all columns are written, as far as the database takes them. Then everything that
handles rows has to live through it: the claimer, the loops, the lists and the commands.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coserver_consumer import store
from coserver_consumer.cli import main
from coserver_consumer.cli.output import job_as_json
from coserver_consumer.diagnosis.why import explain
from coserver_consumer.errors import WrongState
from coserver_consumer.maintenance.pruner import Pruner
from coserver_consumer.maintenance.rescuer import rescue_from
from coserver_consumer.maintenance.resolver import Resolver
from coserver_consumer.maintenance.teller import Teller
from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.indoubt import Decision, Fate, Question
from coserver_consumer.model.job import Job, State, is_id, new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.model.told_event import EventReport
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.registration import Registration, describe_consumer
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import enqueue, finish, maintain, manage
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.tasks.registry import Registry
from coserver_consumer.tasks.task import make_task
from coserver_consumer.worker.executor import Executor
from coserver_consumer.worker.keys import Keys
from coserver_consumer.worker.worker import Worker
from support.databases import empty
from support.edges import SOMEBODY, edges_of, insert, live_states, whole_row, writable
from support.waiting import wait_for

EXAMPLES = int(os.environ.get("COSERVER_ROWS_EXAMPLES", "12"))
GOOD = 8
SAMPLES = 4  # jobs of a state that are explained
KINDS = {
    "live": [(tables.job, state) for state in live_states()],
    "ended": [(tables.history, state) for state in ("completed", "failed", "dropped", "nonsense")],
}


class Life:
    """Everything of a consumer that handles rows, on one database."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.settings = Settings(
            database=engine.url.render_as_string(hide_password=False),
            threads=2,
            poll_max=0.05,
            secret="0" * 40,
        )
        self.database = Database(engine)

    def write_good(self, number: int = GOOD) -> list[str]:
        """Queue jobs that are to be done whatever stands around them."""
        jobs = [
            NewJob(task="test.note", args={"n": at}, options=JobOptions(title="good"))
            for at in range(number)
        ]
        return store.write(self.engine, lambda connection: enqueue.add_many(connection, jobs))

    def live(self, good: list[str]) -> None:
        """Do what a consumer's loops do, and run jobs until the good ones are done."""
        self.tick()
        worker, registration = self._make_worker()
        worker.start()
        try:
            wait_for(lambda: self.are_done(good), what="the good jobs to be done")
            wait_for(lambda: not self.count_claimable(), what="nothing to be left")
            worker.drain()
            wait_for(lambda: worker.is_idle, what="the worker to be idle")
        finally:
            worker.stop()
            registration.unregister()
        self.tick()

    def tick(self) -> None:
        """Do what the loops beside the claimer do between two claims."""
        ask, most = self.read, self.settings.max_rescues
        self.database.write(maintain.make_due_ready)
        ask(maintain.has_dead)
        self.database.write(lambda c: maintain.rescue(c, max_rescues=most, limit=1000))
        rescue_from(self.database, self.settings, [SOMEBODY])
        self.database.write(maintain.fail_unroutable)
        self.database.write(finish.expire_overdue)
        Pruner(self.database, keep_days=30).tick()
        Resolver(self.database, say_aborted, older_than=0, wake=lambda: None).tick()
        Teller(self.database, [(["default"], say_told)], lease=60).tick()

    def are_done(self, good: list[str]) -> bool:
        """True if they are completed, each at its first attempt."""
        ended = tables.history.c
        query = sa.select(ended.id).where(
            ended.id.in_(good), ended.state == State.COMPLETED.value, ended.attempt == 1
        )
        return len(self.read(lambda connection: connection.execute(query).all())) == len(good)

    def count_claimable(self) -> int:
        """Return how many jobs the worker could begin now."""
        job = tables.job.c
        query = sa.select(sa.func.count()).where(
            job.state == sa.literal_column("'ready'"),
            job.run_at <= Now(),
            job.task == "test.note",
            job.queue == "default",
            job.requires.is_(None),
        )
        return self.read(lambda connection: connection.execute(query).scalar_one())

    def read(self, work: Callable[[sa.Connection], Any]) -> Any:
        """Return what ``work`` reads."""
        return self.database.read(work)

    def show(self) -> list[Job]:
        """List all jobs as the panel and the command do, and explain one of each kind."""
        found = self.read(lambda connection: manage.find(connection, limit=5000))
        self.read(manage.counts)
        for job in found:
            json.dumps(job_as_json(job))
            assert len(job.name.splitlines()) <= 1
        known = [job for job in found if is_id(job.id)]
        some = {(job.state, at % SAMPLES): job.id for at, job in enumerate(known)}
        for job_id in some.values():
            assert self.read(lambda connection, job_id=job_id: explain(connection, job_id))
        return found

    def _make_worker(self) -> tuple[Worker, Registration]:
        task = make_task("test.note", note, TaskContext(settings=self.settings))
        executor = Executor(
            registry=Registry(tasks={"test.note": task}),
            settings=self.settings,
            keys=Keys(self.database),
        )
        info = describe_consumer(self.settings, ["test.note"])
        registration = Registration(self.database, info)
        registration.register()
        worker = Worker(
            database=self.database,
            registration=registration,
            settings=self.settings,
            attempt=executor.attempt,
        )
        return worker, registration


def say_aborted(questions: list[Question]) -> list[Decision]:
    """Answer as a Zope would in which none of these transactions ever was."""
    assert all(isinstance(question.evidence, dict) for question in questions)
    return [Decision(mark=at.mark, value=at.value, fate=Fate.ABORTED) for at in questions]


def say_told(event_ids: Sequence[int]) -> EventReport:
    """Answer as a Zope whose subscribers have heard of all these events."""
    return EventReport(told=tuple(event_ids))


def note(job: CurrentJob, **arguments: Any) -> int:
    """Do nothing, but say on how much."""
    return len(job.args) + len(arguments)


@pytest.fixture
def life(engine: sa.Engine, caplog: pytest.LogCaptureFixture) -> Iterator[Life]:
    """A consumer's loops; the claimer's must not stumble once."""
    yield Life(engine)
    assert [at.getMessage() for at in caplog.records if at.msg.startswith("Loop ")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_edge_of_every_column_stops_nobody(life, kind, database_url):
    """The good jobs are done; each bad row has ended with words or stays where it harms nobody."""
    before = life.write_good()
    assert write_edges(life.engine, KINDS[kind]) > 300
    life.live([*before, *life.write_good()])
    for job in life.show():
        assert job.error or job.state is not State.FAILED or kind == "ended"
    invoke(database_url, "jobs", "list", "--limit", "500")
    invoke(database_url, "status")


def write_edges(engine: sa.Engine, kinds: list[tuple[sa.Table, str]]) -> int:
    """Write every edge value of every column of these rows; return how many the database took."""
    with engine.begin() as connection:
        return sum(
            insert(connection, table, whole_row(state) | {column.name: value})
            for table, state in kinds
            for column in writable(table)
            for value in edges_of(column)
            if state == State.READY or (is_minded(column) and is_small(value))
        )


def is_minded(column: sa.Column[Any]) -> bool:
    """True if the loops beside the claimer look at the column."""
    return not isinstance(column.type, sa.String | sa.Boolean | sa.LargeBinary)


def is_small(value: Any) -> bool:
    """True unless it is there for its size, which is the same in each state."""
    return not isinstance(value, str) or len(value) < 1000


@st.composite
def bad_rows(draw: st.DrawFn) -> tuple[sa.Table, dict[str, Any]]:
    """Draw a row of which some columns are odd, and its table."""
    table, state = draw(st.sampled_from([pair for pairs in KINDS.values() for pair in pairs]))
    row = whole_row(state)
    for column in draw(st.lists(st.sampled_from(writable(table)), max_size=5, unique=True)):
        row[column.name] = draw(st.sampled_from([at for at in edges_of(column) if is_small(at)]))
    return table, row


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=st.lists(bad_rows(), min_size=1, max_size=8))
def test_no_mixture_of_edges_stops_anybody(rows, life, database_url):
    """Several odd values in a row, several such rows, in whatever states."""
    empty(database_url)
    before = life.write_good(2)
    with life.engine.begin() as connection:
        for table, row in rows:
            insert(connection, table, row)
    life.live([*before, *life.write_good(2)])
    life.show()


WORN = {
    "run": "The row's column run holds 2000000000, its upper bound",
    "attempt": "The row's column attempt holds 2000000000, its upper bound",
}


@pytest.mark.parametrize("column", WORN)
def test_a_job_that_cannot_be_counted_any_more_fails_with_words(life, column):
    """And the others of the same claim are done."""
    with life.engine.begin() as connection:
        assert insert(connection, tables.job, whole_row("ready") | {column: 2 * 10**9})
    life.live(life.write_good())
    [worn] = life.read(lambda c: manage.find(c, states=[State.FAILED]))
    assert worn.error.startswith(WORN[column])


@pytest.mark.parametrize("column", ["run", "attempt", "rescues"])
def test_a_row_at_its_bound_can_be_rescued(life, column):
    """Beside others, in the same transaction, and by a consumer that starts."""
    with life.engine.begin() as connection:
        for value in (0, 1, 2 * 10**9):
            insert(connection, tables.job, whole_row("running") | {column: value})
    life.tick()
    assert life.read(lambda c: manage.find(c, states=[State.RUNNING])) == []


@pytest.mark.parametrize("owner", [None, "boss"])
def test_a_job_that_was_copied_back_does_not_run_for_its_owner_again(life, owner):
    """Its id has ended. One that runs as nobody has run when that is noticed; both are removed."""
    [job_id] = life.write_good(1)
    life.live([job_id])
    row = whole_row("ready") | {"id": job_id, "owner": owner, "title": "copied"}
    with life.engine.begin() as connection:
        assert insert(connection, tables.job, row)
    life.live(life.write_good())
    assert life.read(lambda c: manage.get(c, job_id)).title == "good"
    *_, last = life.read(lambda c: manage.attempts(c, job_id))
    assert "had ended already" in last.error


@pytest.mark.parametrize("state", ["scheduled", "staged", "running", "blocked"])
def test_a_job_that_was_copied_back_stops_no_loop(life, state):
    """Wherever it waits, whoever ends it."""
    good = life.write_good(2)
    life.live(good)
    with life.engine.begin() as connection:
        for job_id in good:
            row = whole_row(state) | {"id": job_id, "cancel_at": 10**15, "queue": "nobody's"}
            assert insert(connection, tables.job, row)
    life.live(life.write_good())


def test_a_dropped_row_that_no_job_could_be_is_told(life):
    """Its transaction has committed after all; the others of it come back."""
    batch = new_id()
    rows = [{"max_attempts": number, "batch": batch, "evidence": "{}"} for number in (5, -1)]
    with life.engine.begin() as connection:
        for row in rows:
            assert insert(connection, tables.history, whole_row("dropped") | row)
    assert life.database.write(lambda c: enqueue.promote(c, batch, tid=7)) == 1
    [bad] = life.read(lambda c: manage.find(c, states=[State.UNKNOWN]))
    assert bad.error.startswith("Its row in the history isn't one of a job that can run")
    with pytest.raises(WrongState, match="can't run again"):
        life.database.write(lambda c: manage.retry(c, bad.id))


def invoke(url: str, *arguments: str) -> str:
    """Run a command; return what it wrote."""
    done = CliRunner().invoke(main, [*arguments, "--database", url])
    assert done.exit_code == 0, done.output
    return done.output


def test_no_row_commands_the_terminal(life, database_url):
    """Titles, names of queues, errors and tracebacks are shown, their control characters aren't."""
    odd = "a\x1b[31m\x07b\x9bc"
    row = whole_row("ready") | {"title": odd, "queue": odd, "created_at": 10**15, "run_at": 10**15}
    with life.engine.begin() as connection:
        assert insert(connection, tables.job, row)
    asked = [["why", row["id"]], ["jobs", "show", row["id"]], ["jobs", "list"], ["queues", "list"]]
    written = "".join(invoke(database_url, *arguments) for arguments in asked)
    life.tick()
    written += "".join(invoke(database_url, *arguments) for arguments in asked)
    assert "No queue is called" in written
    assert "[31m" in written
    assert not any(at in written for at in "\x1b\x07\x9b")
