"""What is removed from the history, and what stays.

Ids whose jobs ended together go as a range, others as a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.maintenance.pruner import JOBS_PER_TRANSACTION, Pruner
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.runtime.database import Database
from coserver_consumer.store import manage
from coserver_consumer.store.schema import tables
from support.history import DAY, TOLD, History
from support.threads import at_once

KEEP = 30 * DAY
OLD = {"days_ago": 31}


@pytest.fixture
def history(engine: Engine) -> History:
    """The history, empty."""
    return History(engine)


@pytest.fixture
def deletes(engine: Engine) -> Iterator[list[str]]:
    """The statements that have removed rows of the history."""
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("DELETE FROM coserver_history"):
            sent.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(engine, "before_cursor_execute", note)


def test_old_history_is_pruned_with_its_errors_and_lines(queue):
    """Young history and live jobs stay."""
    for _ in range(3):
        queue.put()
    old, young = queue.take(2)
    assert queue.add_line(old.key, "sails set")
    queue.end_attempts([Ending(key=job.key, state=State.FAILED, error="x") for job in (old, young)])
    with queue.engine.begin() as connection:
        connection.execute(
            sa.update(tables.history).where(tables.history.c.id == old.id).values(ended_at=1)
        )
    assert queue.prune(older_than=3600) == 1
    assert queue.counts() == {"default": {State.READY: 1, State.FAILED: 1}}
    assert queue.attempts(old.id) == queue.lines(old.id) == []
    assert len(queue.attempts(young.id)) == 1


def test_old_history_is_found_wherever_its_ids_are(queue, history):
    """The lowest ids may be of jobs that ended late, the highest of another program's."""
    ids = [f"{digit * 8}-0000-4000-8000-000000000000" for digit in "0123ef"]
    for days, job_id in enumerate(ids[1:2] + ids[3:]):
        history.end(job_id, days_ago=31 + days)
    history.end_all([ids[0], ids[2]])
    assert [queue.prune(older_than=KEEP, limit=3) for _ in range(3)] == [3, 1, 0]
    assert [job.id for job in queue.find()] == [ids[2], ids[0]]


@pytest.mark.parametrize(("others", "by"), [(1, "BETWEEN"), (30, "IN")])
def test_what_lies_among_the_old_stays(queue, history, deletes, others, by):
    """Jobs that live, and those that ended lately, keep all that is told of them."""
    low, high = ([new_id() for _ in range(10)] for _ in range(2))
    between = [f"{low[-1][:-4]}{number:04x}" for number in range(2 * others)]
    assert low[0] < between[0] < between[-1] < high[0]
    live, young = between[:others], between[others:]
    history.end_all([*low, *high], **OLD)
    history.end_all(young)
    queue.add_many([NewJob(task="t", id=job_id) for job_id in live])
    history.tell(*low, *between, *high)
    assert queue.prune(older_than=KEEP) == 20
    assert by in deletes[0]
    assert [job.id for job in queue.find(limit=99)] == between[::-1]
    assert history.told() == sorted(between * len(TOLD))


def test_what_ended_in_one_moment_leaves_nothing_behind(queue, history):
    """However many of it go at once."""
    ids = [new_id() for _ in range(9)]
    history.end_all(ids, **OLD)
    history.tell(*ids)
    gone = []
    while number := queue.prune(older_than=KEEP, limit=4):
        gone.append(number)
    assert sum(gone) == 9
    assert queue.find() == []
    assert history.told() == []


def test_a_pruner_goes_on_behind_what_ended_in_one_moment(engine, history):
    """A portion is larger then, but not the last one."""
    first, *others, last = (new_id() for _ in range(JOBS_PER_TRANSACTION + 200))
    history.end_all([first, last, *others], days_ago=32)
    history.end(new_id(), days_ago=31)
    pruner = Pruner(Database(engine), keep_days=30)
    while pruner.tick() == 0.0:
        pass
    assert store.read(engine, manage.find) == []


def test_two_that_prune_at_once_remove_each_job_once(queue, history):
    """Neither fails."""
    ids = [new_id() for _ in range(3000)]
    history.end_all(ids, **OLD)
    history.tell(*ids)

    def prune() -> int:
        return sum(queue.prune(older_than=KEEP, limit=100) for _ in range(40))

    assert sum(at_once(prune, prune)) == 3000
    assert history.told() == []
