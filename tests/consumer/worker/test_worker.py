"""The worker inside one process, on a real database."""

from __future__ import annotations

import io
import logging
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, current_thread

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer import store
from coserver_consumer.maintenance.heartbeat import make_heartbeat
from coserver_consumer.maintenance.heartbeat_health import HeartbeatHealth
from coserver_consumer.maintenance.rescuer import make_rescuer, plan_looks, rescue_from
from coserver_consumer.model.current_job import EndAttempt
from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import conclude
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.model.outcome import Completed
from coserver_consumer.retry import PLAIN, RetryPolicy
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.loop import JITTER
from coserver_consumer.runtime.registration import Registration, describe_consumer
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import claim, enqueue, finish, maintain, manage
from coserver_consumer.store.schema import tables
from coserver_consumer.worker.executor import as_outcome
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.runner import Runner
from coserver_consumer.worker.worker import Worker
from support import odd_exceptions
from support.new_jobs import make_new
from support.waiting import wait_for

SETTINGS = Settings(
    database="sqlite:///elsewhere", threads=2, poll_min=0.01, poll_max=0.1, heartbeat_every=0.1
)


class Bench:
    """A registered worker whose attempts call ``work``, and the database it works on."""

    def __init__(self, engine, work=lambda current: Completed(), policy=PLAIN):
        self.engine = engine
        self.work = work
        self.database = Database(engine)
        self.registration = Registration(self.database, describe_consumer(SETTINGS, ["test"]))
        self.registration.register()
        self.worker = Worker(
            database=self.database,
            registration=self.registration,
            settings=SETTINGS,
            attempt=self.attempt,
            policy=lambda task: policy,
        )

    def attempt(self, current):
        """Run one attempt."""
        try:
            outcome = self.work(current)
        except EndAttempt as error:
            outcome = as_outcome(error)
        return conclude(current.job, outcome, backoff=SETTINGS.backoff)

    def write(self, function, *arguments, **options):
        """Call a function of the store in a transaction of its own."""
        return store.write(
            self.engine, lambda connection: function(connection, *arguments, **options)
        )

    def add(self, number=1, **options):
        """Queue jobs; return their ids."""
        return self.write(
            enqueue.add_many, [make_new(task="test", **options) for _ in range(number)]
        )

    def heartbeat(self):
        """Return this worker's heartbeat."""
        in_flight, health = self.worker.in_flight, HeartbeatHealth(SETTINGS)
        return make_heartbeat(self.database, self.registration, in_flight, health, every=0.05)

    def take(self, limit):
        """Claim jobs as this worker does; return them."""
        return self.write(
            claim.claim,
            consumer=self.registration.id,
            queues=["default"],
            tasks=["test"],
            limit=limit,
        )

    def state(self, job_id):
        """Return a job's state."""
        return self.write(manage.get, job_id).state

    def wait_state(self, job_id, state):
        """Wait until a job is in a state."""
        wait_for(lambda: self.state(job_id) is state, what=f"job to be {state}")


@contextmanager
def counting_claims(engine):
    """Yield a list that gets an entry for each commit of a claimer."""
    commits = []

    def note(connection):
        if current_thread().name == "claimer":
            commits.append(connection)

    sa.event.listen(engine, "commit", note)
    yield commits
    sa.event.remove(engine, "commit", note)


@pytest.fixture
def make_bench(engine):
    """Make a bench; its worker is stopped in the end."""
    benches = []

    def make(*arguments):
        bench = Bench(engine, *arguments)
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.worker.drain()
        bench.worker.stop()


def test_jobs_are_run_and_their_endings_written(make_bench):
    """More jobs than threads."""
    bench = make_bench(lambda current: Completed(result=current.job.run))
    ids = bench.add(20)
    bench.worker.start()
    for job_id in ids:
        bench.wait_state(job_id, State.COMPLETED)
    assert bench.write(manage.get, ids[0]).result == 1
    wait_for(lambda: bench.worker.is_idle, what="the worker to be idle")


def test_no_more_jobs_are_claimed_than_threads_are_idle(make_bench):
    """The others are for the consumers beside it."""
    gate = Event()
    bench = make_bench(lambda current: Completed(result=gate.wait(120)))
    ids = bench.add(5)
    bench.worker.start()
    wait_for(lambda: len(bench.worker.in_flight.unended()) == 2, what="two jobs to run")
    states = [bench.state(job_id) for job_id in ids]
    gate.set()
    assert sorted(states) == [*["ready"] * 3, *["running"] * 2]


def test_a_drained_worker_claims_nothing_and_writes_all_endings(make_bench):
    """What runs is brought to its end."""
    gate, started = Event(), Event()

    def work(current):
        started.set()
        gate.wait(10)
        return Completed()

    bench = make_bench(work)
    [first] = bench.add()
    bench.worker.start()
    assert started.wait(10)
    bench.worker.drain()
    [second] = bench.add()
    gate.set()
    wait_for(lambda: bench.worker.is_idle, what="the worker to be idle")
    assert bench.state(first) is State.COMPLETED
    assert bench.state(second) is State.READY


def test_what_is_given_back_is_ready(make_bench):
    """The attempt isn't counted."""
    gate, started = Event(), Event()

    def work(current):
        started.set()
        gate.wait(10)
        return Completed()

    bench = make_bench(work)
    [job_id] = bench.add()
    bench.worker.start()
    assert started.wait(10)
    bench.worker.drain()
    assert [job.id for job in bench.worker.give_back()] == [job_id]
    bench.wait_state(job_id, State.READY)
    job = bench.write(manage.get, job_id)
    gate.set()
    assert (job.attempt, job.consumer) == (0, None)


def gated(gate):
    """Return work that stands at the gate if its job says so, and is short else."""
    return lambda current: Completed(result=current.job.args.get("gate") and gate.wait(30))


def make_quick(bench):
    """Have a worker run so many short jobs that it prefetches."""
    ids = bench.add(100)
    bench.worker.start()
    for job_id in ids:
        bench.wait_state(job_id, State.COMPLETED)


def test_short_jobs_are_prefetched(make_bench, caplog):
    """A hundred of them take far fewer commits than there are pairs of them."""
    caplog.set_level(logging.DEBUG)
    bench = make_bench()
    with counting_claims(bench.engine) as claims:
        make_quick(bench)
    assert len(claims) < 30


def test_what_waits_behind_long_jobs_is_given_back(make_bench):
    """So that another consumer can have it; its attempt isn't counted."""
    gate = Event()
    bench = make_bench(gated(gate))
    make_quick(bench)
    ids = bench.add(6, args={"gate": True})

    def has_settled():
        found = [bench.write(manage.get, job_id) for job_id in ids]
        waited = [job for job in found if job.state is State.READY and job.run > 0]
        return sum(job.state is State.RUNNING for job in found) == 2 and waited

    waited = wait_for(has_settled, what="some to be given back")
    gate.set()
    assert {(job.attempt, job.consumer, job.started_at is None) for job in waited} == {
        (0, None, False)
    }
    for job_id in ids:
        bench.wait_state(job_id, State.COMPLETED)


@pytest.mark.parametrize("leave", ["drain", "give_back"])
def test_what_waits_is_given_back_when_the_worker_leaves(make_bench, leave):
    """At once: others can begin it now."""
    bench = make_bench()
    ids = bench.add(3)
    runs = bench.worker.in_flight.add(bench.take(3))
    getattr(bench.worker, leave)()
    assert bench.worker.in_flight.prefetched() == []
    assert not any(bench.worker.in_flight.begin(run) for run in runs)
    bench.worker.start()
    bench.worker.drain()
    for job_id in ids:
        bench.wait_state(job_id, State.READY)
    assert {bench.write(manage.get, job_id).attempt for job_id in ids} == {0}


def test_a_job_that_is_cancelled_while_it_waits_is_not_begun(make_bench):
    """Nor does it come back."""
    began = []
    bench = make_bench(lambda current: began.append(current.id))
    [job_id] = bench.add()
    [job] = bench.take(1)
    bench.worker.in_flight.add([job])
    bench.write(manage.cancel, job_id)
    bench.worker.drain()
    bench.worker.start()
    bench.wait_state(job_id, State.CANCELLED)
    assert began == []


def test_a_timeout_counts_from_the_beginning_in_the_store_as_well(make_bench):
    """A supervisor that finds the process dead goes by it."""
    gate, waiting, released, seen = Event(), [], [], []
    standing = [NewJob(task="test", args={"gate": True}) for _ in range(2)]
    last = NewJob(task="test", options=JobOptions(timeout=600))

    def work(current):
        if current.job.args.get("gate"):
            waiting.append(bench.write(manage.get, last.id))
            gate.wait(30)
            released.append(bench.write(manage.now))
        elif current.job.timeout:
            seen.append(bench.write(manage.get, current.id))
        return Completed()

    bench = make_bench(work)
    make_quick(bench)
    bench.write(enqueue.add_many, [*standing, last])
    wait_for(lambda: len(waiting) == 2, what="both threads to stand at the gate")
    gate.set()
    bench.wait_state(last.id, State.COMPLETED)
    assert {(job.state, job.started_at) for job in waiting} == {(State.RUNNING, None)}
    assert seen[0].started_at >= min(released)
    assert seen[0].deadline_at == seen[0].started_at + 600 * store.SECOND


def test_an_attempt_that_its_own_transaction_completed_is_not_written_again(make_bench, caplog):
    """It is ours, and the result is the one that the transaction wrote."""
    caplog.set_level(logging.INFO)

    def work(current):
        bench.write(finish.complete_running, current.job.key, "by itself")
        return Completed(result="by the consumer", is_written=True)

    bench = make_bench(work)
    [job_id] = bench.add()
    bench.worker.start()
    wait_for(lambda: f"Job {job_id} 'test' completed" in caplog.text, what="the log")
    assert bench.write(manage.get, job_id).result == "by itself"
    assert "isn't ours" not in caplog.text
    wait_for(lambda: bench.worker.is_idle, what="the worker to be idle")


def test_an_ending_that_is_refused_is_logged_and_changes_nothing(make_bench, caplog):
    """A rescued job belongs to somebody else: the stale result is dropped."""

    def hand_over(connection):
        maintain.unregister(connection, bench.registration.id)  # gives the job back
        claim.claim(connection, consumer=other, queues=["default"], tasks=["test"], limit=1)

    def work(current):
        bench.write(hand_over)  # at once: this worker would claim it again
        return Completed(result="stale")

    bench = make_bench(work)
    other = replace(bench.registration.info, id="01980cf2-53a1-7000-8000-0123456789ab").id
    [job_id] = bench.add()
    bench.worker.start()
    wait_for(lambda: "isn't ours any more" in caplog.text, what="the log")
    job = bench.write(manage.get, job_id)
    assert f"Job {job_id} isn't ours" in caplog.text
    assert (job.state, job.consumer, job.result) == (State.RUNNING, other, None)
    assert bench.worker.in_flight.is_empty


def test_a_claim_whose_answer_was_lost_is_given_back(make_bench, engine):
    """The commit went through, the connection broke before it said so: nobody runs these jobs."""
    bench = make_bench()
    [job_id] = bench.add()
    broken = Event()

    @sa.event.listens_for(engine, "commit")
    def break_after_commit(connection):
        if current_thread().name == "claimer" and not broken.is_set():
            broken.set()
            connection.connection.dbapi_connection.commit()
            raise sa.exc.DBAPIError("COMMIT", {}, Exception("gone"), connection_invalidated=True)

    bench.worker.start()
    bench.wait_state(job_id, State.COMPLETED)
    assert broken.is_set()
    assert bench.write(manage.get, job_id).attempt == 1


def test_one_bad_ending_does_not_hold_up_the_others(make_bench, engine, caplog):
    """Here another program has put a row into the history under a live job's id.

    What the log says of it has no parameters of the statement.
    """
    bench = make_bench(lambda current: Completed(result="hunter2"))
    bad, *good = bench.add(4)
    history = tables.history
    with engine.begin() as connection:
        connection.execute(
            sa.insert(history).values(id=bad, task="test", state="completed", queue="default")
        )
    bench.worker.start()
    for job_id in good:
        bench.wait_state(job_id, State.COMPLETED)
    wait_for(lambda: bench.worker.is_idle, what="the worker to be idle")
    if engine.dialect.name == "mysql":  # where it ends with the others, and its row is removed
        [said] = bench.write(manage.attempts, bad)
        assert "Another program has added a row" in said.error
    else:
        assert "can't be written" in caplog.text
    assert "hunter2" not in caplog.text


def test_progress_is_written_and_a_lost_run_hears_of_it(make_bench):
    """Who reports for a run that isn't the current one is stopped."""
    seen, went_on = [], []

    def work(current):
        if current.job.run > 1:
            return Completed()
        current.progress(0.25, "page 1 of 4")
        seen.append(bench.write(manage.get, current.id))
        bench.write(maintain.unregister, bench.registration.id)
        current.progress(0.5)
        current.check_cancelled()
        went_on.append(current)
        return Completed()

    bench = make_bench(work)
    [job_id] = bench.add()
    bench.worker.start()
    bench.wait_state(job_id, State.COMPLETED)
    assert (seen[0].progress, seen[0].progress_text) == (0.25, "page 1 of 4")
    assert not went_on


def test_a_cancel_request_reaches_the_running_job(make_bench):
    """By the heartbeat."""

    def work(current):
        bench.write(manage.cancel, current.id)
        while True:
            current.check_cancelled()

    bench = make_bench(work)
    [job_id] = bench.add(max_attempts=1)
    heartbeat = bench.heartbeat()
    heartbeat.start()
    bench.worker.start()
    bench.wait_state(job_id, State.CANCELLED)
    heartbeat.stop()
    heartbeat.join(5)


def test_a_consumer_that_was_given_up_goes_on_under_a_new_id(make_bench, caplog):
    """It says so, and what it ran is lost to it."""
    caplog.set_level(logging.INFO)

    def work(current):
        if current.job.rescues:
            return Completed(result="second")
        bench.write(maintain.rescue, dead_after=-1)
        while True:
            current.check_cancelled()

    bench = make_bench(work)
    old = bench.registration.id
    [job_id] = bench.add()
    heartbeat = bench.heartbeat()
    bench.worker.start()
    wait_for(lambda: bench.write(manage.consumers) == [], what="the consumer to be given up")
    heartbeat.start()
    bench.wait_state(job_id, State.COMPLETED)
    heartbeat.stop()
    heartbeat.join(5)
    assert bench.registration.id != old
    assert [consumer.id for consumer in bench.write(manage.consumers)] == [bench.registration.id]
    assert f"Consumer {old} was silent for too long" in caplog.text
    assert bench.write(manage.get, job_id).result == "second"


def test_a_job_claimed_by_a_consumer_that_was_given_up_is_run_again(make_bench):
    """It had claimed it before it knew, so nobody else had it to lose."""
    runs = []

    def work(current):
        runs.append(current.job.run)
        while current.job.run == 1:
            current.check_cancelled()
        return Completed()

    bench = make_bench(work)
    assert bench.write(maintain.rescue, dead_after=-1).consumers == [bench.registration.id]
    [job_id] = bench.add()
    bench.worker.start()
    wait_for(lambda: runs, what="the first attempt")
    heartbeat = bench.heartbeat()
    heartbeat.start()
    bench.wait_state(job_id, State.COMPLETED)
    heartbeat.stop()
    heartbeat.join(5)
    job = bench.write(manage.get, job_id)
    assert (runs, job.attempt, job.consumer) == ([1, 2], 1, bench.registration.id)


@given(heartbeat_every=st.floats(0.01, 600), times=st.floats(2, 100))
def test_no_lease_ends_before_the_next_heartbeat_or_late(heartbeat_every, times):
    """However few heartbeats it lasts; the pauses of loops vary."""
    dead_after = heartbeat_every * times
    settings = replace(SETTINGS, heartbeat_every=heartbeat_every, dead_after=dead_after)
    every, looks_dead_after = plan_looks(settings)
    assert looks_dead_after > heartbeat_every * (1 + JITTER) * 1.5
    assert looks_dead_after + every <= dead_after * 1.000001


def test_a_standstill_while_the_rescuer_asks_costs_nobody_a_job(make_bench, engine):
    """Its question was sent in good time; when the answer comes, everybody looks dead."""
    bench = make_bench()
    settings = replace(SETTINGS, heartbeat_every=0.1, dead_after=0.3)
    [job_id] = bench.add()
    bench.take(1)
    wait_for(
        lambda: all(each.is_dead(settings.dead_after) for each in bench.write(manage.consumers)),
        what="the consumer to look dead",
    )
    health = HeartbeatHealth(settings)
    bench.database = Database(engine)
    wait_for(
        lambda: bench.database.available_seconds > 0.3,
        what="the database to have been there for a while",
    )
    health._healthy_since = health._last = time.time()
    health._healthy_since -= 600
    stood = []

    def stand_still(*_):
        health._last = time.time() - 600
        stood.append(True)

    rescuer = make_rescuer(bench.database, settings, health, wake=lambda: None)
    sa.event.listen(engine, "before_cursor_execute", stand_still)
    rescuer._tick()
    sa.event.remove(engine, "before_cursor_execute", stand_still)
    assert stood
    assert bench.state(job_id) is State.RUNNING


@pytest.mark.parametrize(("heartbeat_every", "is_given_up"), [(0.1, True), (60.0, False)])
def test_nobody_is_given_up_before_there_was_time_for_two_heartbeats(
    make_bench, heartbeat_every, is_given_up
):
    """Right after a start, an outage or a standstill everybody looks dead."""
    bench = make_bench()
    settings = replace(SETTINGS, heartbeat_every=heartbeat_every, dead_after=1.0)
    [job_id] = bench.add()
    bench.take(1)
    wait_for(
        lambda: all(each.is_dead(settings.dead_after) for each in bench.write(manage.consumers)),
        what="the consumer to look dead",
    )
    other = Registration(bench.database, describe_consumer(SETTINGS, []))
    health = HeartbeatHealth(settings)
    heartbeat = make_heartbeat(bench.database, other, InFlight(), health, every=0.1)
    rescuer = make_rescuer(bench.database, settings, health, wake=lambda: None)
    heartbeat.start()
    rescuer.start()
    wait_for(
        lambda: bench.state(job_id) is State.READY or health.healthy_seconds > 1.0,
        what="the rescue, or many looks of the rescuer",
    )
    for loop in (rescuer, heartbeat):
        loop.stop()
        loop.join(5)
    assert bench.state(job_id) is (State.READY if is_given_up else State.RUNNING)


@pytest.mark.parametrize(("policy", "state"), [(1, State.FAILED), (2, State.SCHEDULED)])
def test_a_job_that_hangs_has_the_attempts_of_its_task(make_bench, policy, state):
    """Where its process is ended, too, nobody but the task says how often it is tried."""
    gate = Event()
    bench = make_bench(lambda _: Completed(result=gate.wait(120)), RetryPolicy(max_attempts=policy))
    [job_id] = bench.add(timeout=0.1)
    bench.worker.start()
    [run] = wait_for(bench.worker.in_flight.running, what="a thread to begin the job")
    run.begun_at -= 600
    [hanging] = bench.worker.end_hanging()
    assert hanging.max_attempts == policy
    bench.wait_state(job_id, state)
    gate.set()


@pytest.mark.parametrize(("policy", "state"), [(1, State.FAILED), (2, State.SCHEDULED)])
def test_a_late_job_of_a_dead_process_has_the_attempts_of_its_task(engine, policy, state):
    """Its supervisor has another process write that its attempt has failed."""
    bench = Bench(engine)
    [job_id] = bench.add(timeout=0.01)
    [job] = bench.write(
        claim.claim,
        consumer=bench.registration.id,
        queues=["default"],
        tasks=["test"],
        limit=1,
    )
    wait_for(lambda: bench.write(manage.now) > job.deadline_at, what="the job to be late")
    policies = {"test": RetryPolicy(max_attempts=policy)}
    rescue_from(bench.database, SETTINGS, [bench.registration.id], policy=policies.__getitem__)
    assert bench.state(job_id) is state


def test_the_log_names_a_job_by_its_title(make_bench, caplog):
    """As one line, however long it is and whatever it holds."""
    caplog.set_level(logging.DEBUG)
    bench = make_bench()
    [plain] = bench.add(title="Import feed 42")
    [odd] = bench.add(title=f"Import\n{'x' * 200}")
    bench.worker.start()
    wait_for(lambda: f"Job {plain} 'Import feed 42' completed in" in caplog.text, what="the log")
    wait_for(lambda: f"Job {odd} 'Import {'x' * 90}...' completed" in caplog.text, what="the log")


class Rogue(logging.Handler):
    """A handler of log lines, as an add-on may have one, that raises instead of writing."""

    def emit(self, record):
        """End the thread that calls it."""
        raise SystemExit


@pytest.fixture
def rogue():
    """Have such a handler called for all that the consumer logs."""
    handler = Rogue()
    logger = logging.getLogger("coserver")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.mark.parametrize("kind", ["mute", "mute exit", "hidden", "interrupt"])
def test_what_goes_wrong_around_an_attempt_fails_it_and_ends_no_thread(make_bench, kind):
    """As many such jobs as threads, twice; then one that works."""

    def work(current):
        if current.job.title == "bad":
            error = odd_exceptions.MAKERS[kind]()
            raise error
        return Completed()

    bench = make_bench(work)
    bad = bench.add(4, title="bad", max_attempts=1)
    good = bench.add()
    bench.worker.start()
    for job_id in bad:
        bench.wait_state(job_id, State.FAILED)
    bench.wait_state(good[0], State.COMPLETED)
    assert "couldn't bring this attempt to an end" in bench.write(manage.get, bad[0]).error
    wait_for(lambda: not bench.worker.at_work(), what="the threads to be idle")


@pytest.fixture
def closed_log():
    """Have the consumer log into a stream that has been closed."""
    stream = io.StringIO()
    stream.close()
    handler = logging.StreamHandler(stream)
    logging.getLogger("coserver").addHandler(handler)
    yield
    logging.getLogger("coserver").removeHandler(handler)


@pytest.mark.usefixtures("closed_log")
@pytest.mark.parametrize("kind", odd_exceptions.MAKERS)
def test_a_log_that_is_closed_ends_no_thread(make_bench, caplog, kind):
    """Python's logging prints what it was about to log, with each exception that is at hand."""

    def work(current):
        if current.job.title == "bad":
            error = odd_exceptions.MAKERS[kind]()
            raise error
        return Completed()

    bench = make_bench(work)
    [bad] = bench.add(title="bad", max_attempts=1)
    bench.worker.start()
    bench.wait_state(bad, State.FAILED)
    wait_for(lambda: not bench.worker.at_work(), what="the threads to be idle")
    bench.wait_state(bench.add()[0], State.COMPLETED)
    assert "has ended and is replaced" not in caplog.text


@pytest.mark.usefixtures("rogue")
def test_no_thread_depends_on_a_log_line(make_bench):
    """Neither those that run jobs, nor the claimer: each goes on nonetheless.

    The one that is bad has the consumer log an error in the thread that ran it.
    """

    def work(current):
        if current.job.title == "bad":
            raise odd_exceptions.Mute
        return Completed()

    bench = make_bench(work)
    bad = bench.add(4, title="bad", max_attempts=1)
    bench.worker.start()
    for job_id in bad:
        bench.wait_state(job_id, State.FAILED)
    for _ in range(3):
        bench.wait_state(bench.add()[0], State.COMPLETED)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_thread_that_ends_is_replaced(make_bench, caplog):
    """As many as there are, again and again; their jobs have failed.

    A profiler that a task leaves behind is called in the thread's own code too, and may raise.
    """

    def profile(frame, event, argument):
        if event == "call" and frame.f_code is Runner.fail.__code__:
            raise SystemExit

    def work(current):
        if current.job.title == "bad":
            sys.setprofile(profile)
            raise odd_exceptions.Mute
        return Completed()

    bench = make_bench(work)
    bad = bench.add(6, title="bad", max_attempts=1)
    good = bench.add()
    bench.worker.start()
    for job_id in bad:
        bench.wait_state(job_id, State.FAILED)
        assert "its thread has ended" in bench.write(manage.get, job_id).error
    bench.wait_state(good[0], State.COMPLETED)
    assert "has ended and is replaced" in caplog.text
