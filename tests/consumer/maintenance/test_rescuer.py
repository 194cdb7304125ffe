"""When consumers are taken for dead, and what becomes of their jobs."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.maintenance.heartbeat import make_heartbeat
from coserver_consumer.maintenance.heartbeat_health import HeartbeatHealth
from coserver_consumer.maintenance.rescuer import make_rescuer, plan_looks, rescue_from
from coserver_consumer.model.job import State
from coserver_consumer.retry import RetryPolicy
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.loop import JITTER
from coserver_consumer.runtime.registration import Registration, describe_consumer
from coserver_consumer.store import claim, manage
from coserver_consumer.worker.inflight import InFlight
from support.bench import SETTINGS, Bench
from support.waiting import wait_for


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


@pytest.mark.parametrize("max_attempts", [1, 5])
@pytest.mark.parametrize("timeout", [None, 600])
def test_a_killed_job_of_a_dead_process_is_cancelled(engine, timeout, max_attempts):
    """It hasn't outrun a timeout, which it may not even have."""
    bench = Bench(engine)
    [job_id] = bench.add(timeout=timeout, max_attempts=max_attempts)
    bench.write(
        claim.claim,
        consumer=bench.registration.id,
        queues=["default"],
        tasks=["test"],
        limit=1,
    )
    bench.write(manage.cancel, job_id, kill=True)
    rescue_from(bench.database, SETTINGS, [bench.registration.id])
    job = bench.write(manage.get, job_id)
    assert job.state is State.CANCELLED
    assert "timeout" not in job.error
