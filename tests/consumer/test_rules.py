"""Rules of queues, groups and limits, kept by many real processes that die.

``COSERVER_RULES_JOBS`` says how many jobs there are; ``make rules`` takes as many as the rules are
promised for.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import psutil
import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.model.job import State
from coserver_consumer.store import SECOND, claim, manage
from coserver_consumer.store.schema import tables
from support.waiting import PATIENCE, wait_for

JOBS = int(os.environ.get("COSERVER_RULES_JOBS", "400"))
CHILDREN = 2 * JOBS
KILLS = 20
WITHIN = 60 + JOBS / 10  # seconds
PROCESSES = 4  # of each of the two consumers
HARDY = {"COSERVER_MAX_RESCUES": "1000"}  # the killing is the test's, not the jobs'

pytestmark = pytest.mark.timeout(2 * WITHIN)


@pytest.fixture
def crew(start_consumer):
    """Two consumers with eight processes in all."""
    flags = ("--processes", str(PROCESSES), "--threads", "2")
    return [start_consumer(*flags, name=f"crew{number}", **HARDY) for number in range(2)]


def kill_one(consumers) -> bool:
    """Kill a worker process with SIGKILL; return False if there was none just now."""
    supervisor = psutil.Process(random.choice(consumers).pid)
    workers = supervisor.children()
    if not workers:
        return False
    random.choice(workers).kill()
    return True


def ended(engine) -> Counter:
    """Return how many jobs have ended, by their state."""
    query = sa.select(tables.history.c.state, sa.func.count()).group_by(tables.history.c.state)
    with engine.connect() as connection:
        return Counter(dict(connection.execute(query).all()))


def test_a_limit_of_one_never_overlaps_while_processes_are_killed(crew, client, engine, tmp_path):
    """Each job holds a lock of the kernel's while it runs, and every job is completed."""
    lock = tmp_path / "lock"
    portion = JOBS // KILLS

    def add(portions: int) -> None:
        client.add_many("test.alone", [{"path": str(lock)}] * (portion * portions), limit="one")

    add(1)
    for number in range(KILLS):
        wait_for(
            lambda number=number: ended(engine)[State.COMPLETED] > portion * number,
            what="the next jobs to run",
            within=WITHIN,
        )
        add(1)
        wait_for(lambda: kill_one(crew), what="a process that can be killed")
    added = portion * (KILLS + 1)
    wait_for(lambda: ended(engine).total() == added, what="all jobs to end", within=WITHIN)
    assert ended(engine) == {State.COMPLETED: added}
    assert not lock.with_name("lock.overlap").exists()


def test_a_large_group_calls_what_follows_once(crew, client, engine, gate, tmp_path):
    """Its members end in eight processes at once; some of these die before the last member ends."""
    noted = tmp_path / "noted"
    members = [client.job("test.echo") for _ in range(CHILDREN - 1)]
    members.append(client.job("test.gate", gate.args))
    group = client.group(
        members,
        on_success=client.job("test.note", {"path": str(noted)}),
        on_failure=client.job("test.note", {"path": str(tmp_path / "failed")}),
    )
    for number in range(1, 5):
        wait_for(
            lambda number=number: ended(engine)[State.COMPLETED] >= number * CHILDREN / 6,
            what="some of them to be done",
            within=WITHIN,
        )
        kill_one(crew)
    gate.open()
    job = client.wait(group.on_success.id, timeout=WITHIN)
    assert job.state is State.COMPLETED
    assert noted.read_text().split() == [job.id]
    assert ended(engine) == {State.COMPLETED: CHILDREN + 1, State.CANCELLED: 1}
    assert client.get(group.on_failure.id).state is State.CANCELLED


def test_the_many_jobs_of_one_tenant_delay_another_s_by_one_for_each_thread(
    start_consumer, client, queue_rules, engine
):
    """Those that run already; no further one begins before it."""
    queue_rules("tenant:*", None)
    client.add_many("test.rest", [{"seconds": 0.1}] * (JOBS * 2), limit="tenant:big")
    start_consumer("--processes", "2", "--threads", "2")
    wait_for(lambda: ended(engine)[State.COMPLETED] > 8, what="the big tenant to be served")
    small = client.wait(
        client.add("test.rest", {"seconds": 0}, limit="tenant:small"), timeout=PATIENCE
    )
    table = tables.history.c
    began = sa.and_(table.started_at > small.created_at, table.started_at < small.started_at)
    with engine.connect() as connection:
        before = connection.execute(sa.select(sa.func.count()).where(began)).scalar_one()
    assert before <= 4


def test_a_queue_is_paused_within_a_second(start_consumer, client, engine, pause):
    """No job begins later than that, until it is resumed."""
    start_consumer("--processes", "2", "--threads", "2")
    client.add_many("test.rest", [{"seconds": 0.01}] * 2000)
    wait_for(lambda: ended(engine)[State.COMPLETED] > 20, what="jobs to run")
    paused_at = pause(paused=True)
    quiet = wait_for(lambda: nothing_runs(engine) and ended(engine), what="what runs to end")
    assert latest_start(engine) <= paused_at + SECOND
    wait_for(lambda: database_time(engine) > paused_at + 2 * SECOND, what="time to pass")
    assert ended(engine) == quiet
    pause(paused=False)
    wait_for(lambda: ended(engine)[State.COMPLETED] > quiet[State.COMPLETED], what="jobs to run")
    assert latest_start(engine) > paused_at + 2 * SECOND


@pytest.fixture
def queue_rules(engine):
    """Set a limit."""
    return lambda name, most: store.write(
        engine, lambda connection: claim.set_limit(connection, name, most)
    )


@pytest.fixture
def pause(engine):
    """Pause or resume the default queue; return the database's time then."""

    def work(connection, *, paused: bool) -> int:
        manage.pause(connection, "default", paused=paused)
        return manage.now(connection)

    return lambda *, paused: store.write(engine, lambda connection: work(connection, paused=paused))


def database_time(engine) -> int:
    """Return the time by which jobs begin."""
    return store.read(engine, manage.now)


def nothing_runs(engine) -> bool:
    """Return True if no job runs now."""
    return not store.read(engine, claim.count_running)[0]


def latest_start(engine) -> int:
    """Return when the last job began that has ended."""
    with engine.connect() as connection:
        return connection.execute(sa.select(sa.func.max(tables.history.c.started_at))).scalar_one()
