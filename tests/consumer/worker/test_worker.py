"""The worker inside one process, on a real database."""

from __future__ import annotations

import logging
from threading import Event

import pytest

from coserver_consumer.model.job import State
from coserver_consumer.model.outcome import Completed
from coserver_consumer.retry import RetryPolicy
from coserver_consumer.store import maintain, manage
from support.waiting import wait_for


def test_jobs_are_run_and_their_endings_written(make_bench):
    """More jobs than threads."""
    bench = make_bench(lambda current: Completed(result=current.job.run))
    ids = bench.add(20)
    bench.worker.start()
    for job_id in ids:
        bench.wait_state(job_id, State.COMPLETED)
    assert bench.write(manage.get, ids[0]).result == 1
    wait_for(lambda: bench.worker.is_idle, what="the worker to be idle")


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


def test_a_task_is_told_of_what_its_job_came_after(make_bench):
    """By the job that it is called with."""
    bench = make_bench(lambda current: Completed(result=[each.result for each in current.followed]))
    [first] = bench.add()
    [last] = bench.add(after=[first])
    bench.worker.start()
    bench.wait_state(last, State.COMPLETED)
    assert bench.write(manage.get, last).result == [[]]


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


def test_the_log_names_a_job_by_its_title(make_bench, caplog):
    """As one line, however long it is and whatever it holds."""
    caplog.set_level(logging.DEBUG)
    bench = make_bench()
    [plain] = bench.add(title="Import feed 42")
    [odd] = bench.add(title=f"Import\n{'x' * 200}")
    bench.worker.start()
    wait_for(lambda: f"Job {plain} 'Import feed 42' completed in" in caplog.text, what="the log")
    wait_for(lambda: f"Job {odd} 'Import {'x' * 90}...' completed" in caplog.text, what="the log")
