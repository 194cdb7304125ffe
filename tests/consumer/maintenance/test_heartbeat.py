"""What a worker learns from its heartbeat: what to stop, and that it had been given up."""

from __future__ import annotations

import logging

from coserver_consumer.model.job import State
from coserver_consumer.model.outcome import Completed
from coserver_consumer.store import maintain, manage
from support.waiting import wait_for


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
