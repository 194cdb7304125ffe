"""What a claimer takes, gives back and writes, on a real database."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, current_thread

import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import complete
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.model.outcome import Completed, Failed
from coserver_consumer.protocol.codec import why_not_kept
from coserver_consumer.store import claim, enqueue, finish, maintain, manage
from coserver_consumer.store.schema import tables
from coserver_consumer.worker.ack_and_fetch import AckAndFetch
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.run import EndedRun
from support.waiting import wait_for


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


def test_a_job_that_failed_after_it_was_cancelled_is_logged_as_cancelled(make_bench, caplog):
    """Nobody is to look into it; what went wrong is kept."""
    caplog.set_level(logging.INFO)

    def work(current):
        bench.write(manage.cancel, current.id, by="jane")
        return Failed(error="no wind", traceback="boom")

    bench = make_bench(work)
    [job_id] = bench.add(max_attempts=1)
    bench.worker.start()
    bench.wait_state(job_id, State.CANCELLED)
    assert bench.write(manage.get, job_id).error.startswith("cancelled by jane; its attempt had")
    [failed] = bench.write(manage.attempts, job_id)
    assert "boom" in failed.traceback
    wait_for(lambda: f"{job_id} 'test' cancelled in " in caplog.text, what="its line in the log")
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


def test_an_ending_that_is_written_alone_has_the_limit_of_the_others(make_bench):
    """After all together were refused, as one of them was bad."""
    bench = make_bench()
    bench.add()
    [job] = bench.take(1)
    ack_and_fetch = AckAndFetch(bench.database, bench.registration, InFlight(), max_result=100)
    ended = EndedRun(job, complete(job, "x" * 200), 1.0)
    assert ack_and_fetch.write_ending(ended).acknowledged == {job.key: ended.ending}
    assert "100 are kept" in why_not_kept(bench.write(manage.get, job.id).result)
