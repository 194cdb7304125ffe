"""What is removed from the history, and what stays.

Ids whose jobs ended together go as a range, others as a list.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.job import NewJob, State, new_id
from coserver_consumer.lifecycle import Ending
from coserver_consumer.store import schema

HOUR = 3600 * 1_000_000  # microseconds
TOLD = (schema.error, schema.line, schema.dependency)


class History:
    """Jobs that have ended, and what is told of jobs."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = store.read(engine, store.now)

    def end(self, ids: Iterable[str], *, hours_ago: float = 0) -> None:
        """Write jobs that all ended so long ago, and tell of them."""
        ended_at = self.now - round(hours_ago * HOUR)
        row = {"task": "t", "state": "failed", "ended_at": ended_at}
        ids = list(ids)
        self._insert(schema.history, [{"id": job_id, **row} for job_id in ids])
        self.tell(ids)

    def tell(self, ids: Sequence[str]) -> None:
        """Write an error and a line of each job, and whom it waits for."""
        self._insert(
            schema.error, [{"job_id": each, "attempt": 1, "run": 1, "error": "no"} for each in ids]
        )
        self._insert(
            schema.line, [{"job_id": each, "attempt": 1, "text": "sails set"} for each in ids]
        )
        self._insert(schema.dependency, [{"job_id": each, "parent_id": new_id()} for each in ids])

    def told(self) -> list[list[str]]:
        """Return the jobs that have errors, lines and parents."""
        with self.engine.connect() as connection:
            query = [sa.select(told.c.job_id).order_by(told.c.job_id) for told in TOLD]
            return [list(connection.execute(each).scalars()) for each in query]

    def _insert(self, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.insert(table), rows)


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
    queue.finish([Ending(key=job.key, state=State.FAILED, error="x") for job in (old, young)])
    with queue.engine.begin() as connection:
        connection.execute(
            sa.update(schema.history).where(schema.history.c.id == old.id).values(ended_at=1)
        )
    assert queue.prune(older_than=3600) == 1
    assert queue.counts() == {"default": {State.READY: 1, State.FAILED: 1}}
    assert queue.attempts(old.id) == queue.lines(old.id) == []
    assert len(queue.attempts(young.id)) == 1


def test_old_history_is_found_wherever_its_ids_are(queue, history):
    """The lowest ids may be of jobs that ended late, the highest of another program's."""
    ids = [f"{digit * 8}-0000-4000-8000-000000000000" for digit in "0123ef"]
    old = ids[1:2] + ids[3:]
    for hours, job_id in enumerate(old):
        history.end([job_id], hours_ago=2 + hours)
    history.end([ids[0], ids[2]])
    assert [queue.prune(older_than=3600, limit=3) for _ in range(3)] == [3, 1, 0]
    assert [job.id for job in queue.find()] == [ids[2], ids[0]]


@pytest.mark.parametrize(("others", "by"), [(1, "BETWEEN"), (30, "IN")])
def test_what_lies_among_the_old_stays(queue, history, deletes, others, by):
    """Jobs that live, and those that ended lately, keep all that is told of them."""
    low, high = ([new_id() for _ in range(10)] for _ in range(2))
    between = [f"{low[-1][:-4]}{number:04x}" for number in range(2 * others)]
    assert low[0] < between[0] < between[-1] < high[0]
    live, young = between[:others], between[others:]
    history.end([*low, *high], hours_ago=2)
    history.end(young)
    queue.add_many([NewJob(task="t", id=job_id) for job_id in live])
    history.tell(live)
    assert queue.prune(older_than=3600) == 20
    assert by in deletes[0]
    assert [job.id for job in queue.find(limit=99)] == between[::-1]
    assert history.told() == [between] * 3


def test_what_ended_in_one_moment_leaves_nothing_behind(queue, history):
    """However many of it go at once."""
    ids = [new_id() for _ in range(9)]
    history.end(ids, hours_ago=2)
    gone = []
    while number := queue.prune(older_than=3600, limit=4):
        gone.append(number)
    assert sum(gone) == 9
    assert queue.find() == []
    assert history.told() == [[], [], []]


def test_two_that_prune_at_once_remove_each_job_once(queue, history):
    """Neither fails."""
    history.end((new_id() for _ in range(3000)), hours_ago=2)
    gone: list[int] = []

    def prune() -> None:
        gone.extend(queue.prune(older_than=3600, limit=100) for _ in range(40))

    threads = [threading.Thread(target=prune) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(gone) == 80
    assert sum(gone) == 3000
    assert history.told() == [[], [], []]
