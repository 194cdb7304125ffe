"""Real ``coserver run`` processes on real databases, of each kind."""

from __future__ import annotations

import signal

import psutil
import pytest

from coserver_consumer.errors import DidNotComplete
from coserver_consumer.model.job import State
from support.freezing import freeze
from support.waiting import wait_for


def test_jobs_are_run_and_logged(start_consumer, client, jobs):
    """Each with one line in the log when it ended."""
    consumer = start_consumer()
    ids = client.add_many("test.echo", [{"n": n} for n in range(10)])
    assert [jobs.wait_completed(job_id).result for job_id in ids] == [{"n": n} for n in range(10)]
    wait_for(
        lambda: all(
            f"Job {job_id} 'test.echo' completed in" in consumer.output() for job_id in ids
        ),
        what="the log",
    )
    assert consumer.stop() == 0


def test_a_job_that_fails_is_tried_again_and_keeps_its_tracebacks(start_consumer, client, jobs):
    """As often as it may be."""
    start_consumer()
    job = jobs.wait_ended(client.add("test.fail", max_attempts=2))
    assert (job.state, job.attempt) == (State.FAILED, 2)
    assert job.error == "ValueError: the sea is too wide"
    assert jobs.count_errors(job.id) == 2


def test_a_task_says_how_often_and_after_what_it_is_tried_again(start_consumer, client, jobs):
    """Its number counts for jobs that say nothing; the waits are its own, which are shorter."""
    consumer = start_consumer("--backoff-base", "600")
    ebb, rock = (client.add("test.stumble", {"kind": kind}) for kind in ("ebb", "rock"))
    twice = client.add("test.stumble", {"kind": "ebb"}, max_attempts=2)
    five_times = client.add("test.stumble", {"kind": "ebb"}, max_attempts=5)
    ended = [jobs.wait_ended(job_id) for job_id in (ebb, rock, twice, five_times)]
    assert {job.state for job in ended} == {State.FAILED}
    assert [job.attempt for job in ended] == [7, 1, 2, 5]
    for said in ("attempt 7 of 7", "attempt 5 of 5"):
        wait_for(lambda said=said: said in consumer.output(), what="the log")


def test_a_job_that_has_expired_before_a_consumer_starts_never_runs(
    start_consumer, client, jobs, gate
):
    """It ends by itself, while others run; what was begun in time isn't touched."""
    late = client.add("test.gate", gate.args, expires=0.001)
    timely, plain = client.add("test.echo", expires=3600), client.add("test.echo")
    wait_for(lambda: client.get(late).expires_at < jobs.now(), what="the moment to pass")
    consumer = start_consumer()
    job = jobs.wait_ended(late)
    assert (job.state, job.attempt, job.run) == (State.EXPIRED, 0, 0)
    assert not gate.reached(late)
    assert {jobs.wait_ended(each).state for each in (timely, plain)} == {State.COMPLETED}
    with pytest.raises(DidNotComplete, match="No consumer began it in time"):
        client.result(late)
    wait_for(lambda: "1 jobs expired before they began" in consumer.output(), what="the log")


def test_sigterm_lets_running_jobs_end(start_consumer, client, consumers, gate):
    """It claims no more, and leaves no trace among the consumers."""
    consumer = start_consumer()
    running = client.add("test.gate", gate.args)
    wait_for(lambda: gate.reached(running), what="the job to run")
    consumer.send(signal.SIGTERM)
    wait_for(lambda: "SIGTERM: no new jobs" in consumer.output(), what="the log")
    later = client.add("test.echo")
    gate.open()
    assert consumer.wait() == 0
    assert client.get(running).state is State.COMPLETED
    assert client.get(later).state is State.READY
    assert not consumers()


def test_after_the_grace_running_jobs_are_given_back(start_consumer, client, consumers, gate):
    """As if they had never been claimed; so a job that ignores the stop isn't waited for."""
    consumer = start_consumer("--grace", "0.2")
    running = client.add("test.gate", gate.args | {"heed": False})
    wait_for(lambda: gate.reached(running), what="the job to run")
    assert consumer.stop() == 0
    job = client.get(running)
    assert (job.state, job.attempt, job.consumer) == (State.READY, 0, None)
    assert not consumers()
    assert "1 jobs given back" in consumer.output()


def test_the_jobs_of_a_killed_consumer_are_rescued(start_consumer, client, jobs, consumers, gate):
    """By any other, which runs them again."""
    killed = start_consumer(name="killed")
    job_id = client.add("test.gate", gate.args)
    wait_for(lambda: gate.reached(job_id), what="the job to run")
    killed.kill()
    rescuer = start_consumer(name="rescuer", COSERVER_DEAD_AFTER="2")
    wait_for(lambda: f"Job {job_id} was rescued" in rescuer.output(), what="the log")
    gate.open()
    job = jobs.wait_completed(job_id)
    assert job.rescues >= 1
    assert job.attempt == 1
    wait_for(lambda: len(consumers()) == 1, what="the killed one to be forgotten")


def test_a_consumer_that_was_frozen_cannot_end_a_rescued_job(
    start_consumer, client, jobs, consumers, gate
):
    """It finds out, says so, and goes on under a new id."""
    frozen = start_consumer(name="frozen", COSERVER_PROCESSES="0")
    job_id = client.add("test.gate", gate.args | {"heed": False})
    wait_for(lambda: gate.reached(job_id), what="the job to run")
    freeze(frozen, frozen.environment["COSERVER_DATABASE"])
    rescuer = start_consumer(name="rescuer", COSERVER_DEAD_AFTER="2")
    wait_for(lambda: f"Job {job_id} was rescued" in rescuer.output(), what="the log")
    gate.open()
    assert jobs.wait_completed(job_id).rescues >= 1
    frozen.send(signal.SIGCONT)
    wait_for(lambda: "isn't ours any more" in frozen.output(), what="the log")
    wait_for(lambda: "Consumer goes on as" in frozen.output(), what="the log")
    wait_for(lambda: len(consumers()) == 2, what="both consumers to be known")
    assert client.get(job_id).result == {"attempt": 1}


def test_a_job_that_kills_its_consumers_fails_in_the_end(start_consumer, client, jobs):
    """The second consumer doesn't die of it again when the first rescue is the limit."""
    victim = start_consumer(name="victim", COSERVER_PROCESSES="0")
    job_id = client.add("test.crash")
    victim.wait()
    start_consumer(name="rescuer", COSERVER_DEAD_AFTER="2", COSERVER_MAX_RESCUES="1")
    job = jobs.wait_ended(job_id)
    assert job.state is State.FAILED
    assert "died" in job.error


def test_a_cancelled_job_stops_while_it_runs(start_consumer, client, jobs, gate):
    """When its task looks up."""
    start_consumer()
    job_id = client.add("test.gate", gate.args)
    wait_for(lambda: gate.reached(job_id), what="the job to run")
    assert client.cancel(job_id) is State.RUNNING
    assert jobs.wait_ended(job_id).state is State.CANCELLED


def test_an_idle_consumer_is_small(start_consumer):
    """Its worker process under 64 MB, with the driver of its database and all tasks.

    The supervisor, which has no database, takes less than half of that.
    """
    consumer = start_consumer(COSERVER_SECRET="0123456789abcdef0123456789abcdef")
    supervisor = psutil.Process(consumer.pid)
    [worker] = supervisor.children()
    assert worker.memory_info().rss < 64 * 2**20
    assert supervisor.memory_info().rss < 30 * 2**20
