"""More queues than one statement can ask about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.store.schema import tables

MANY = 600
NAMES = [f"queue {number:03}" for number in range(MANY)]
BUSY = ["queue 007", "queue 300", "queue 599"]


@pytest.fixture
def many(queue):
    """Hundreds of queues, a few of which have jobs."""
    with queue.engine.begin() as connection:
        connection.execute(sa.insert(tables.queue), [{"name": name} for name in NAMES])
    queue.add_many(
        [NewJob(task="t", options=JobOptions(queue=name)) for name in BUSY for _ in range(3)]
    )
    return queue


@pytest.fixture
def statements(many):
    """The statements that the store sends from now on."""
    sent: list[str] = []

    def note(connection, cursor, statement, *rest):
        sent.append(statement)

    sa.event.listen(many.engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(many.engine, "before_cursor_execute", note)


def test_a_snapshot_tells_of_each_queue(many, statements):
    """In the order asked for, by a few statements of a bounded size."""
    found = many.read_snapshot(NAMES[::-1])
    assert [each.name for each in found.queues] == NAMES[::-1]
    assert [each.name for each in found.queues if each.has_ready] == BUSY[::-1]
    assert found.has_work
    assert len(statements) < 10
    assert max(map(len, statements)) < 100_000


def test_a_claim_serves_them_in_their_order(many, statements):
    """It looks into those only that have jobs."""
    assert [job.queue for job in many.take(5, queues=NAMES[::-1])] == [BUSY[2]] * 3 + [BUSY[1]] * 2
    assert len(statements) < 30
    assert [job.queue for job in many.take(9, queues=NAMES)] == [BUSY[0]] * 3 + [BUSY[1]]


def test_rules_and_requirements_hold_among_many(many):
    """A pause, a rule of a queue, a concurrency key, what a job requires, and what is due."""
    many.pause(BUSY[0])
    many.set_max_running(BUSY[1], 1)
    many.put(queue=NAMES[5], limit="k")
    many.put(queue=NAMES[6], requires=("gpu",))
    taken = [job.queue for job in many.take(99, queues=NAMES, capabilities=["gpu"])]
    assert sorted(taken) == sorted([NAMES[5], NAMES[6], BUSY[1], *[BUSY[2]] * 3])
    many.put(queue=NAMES[9], eta=datetime.now(UTC) + timedelta(days=12))
    assert not many.read_snapshot(NAMES).is_due


def test_a_snapshot_of_many_idle_queues_finds_nothing(queue):
    """Nor at one that nobody has made."""
    found = queue.read_snapshot(NAMES)
    assert len(found.queues) == MANY
    assert not found.has_work
    assert not any(each.is_paused or each.is_ruled for each in found.queues)
