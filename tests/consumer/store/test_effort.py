"""What is asked again and again takes as much work beside many jobs as beside few.

A plan that names an index isn't enough: an index can be read as a whole too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from coserver_consumer import store
from coserver_consumer.model.job import new_id
from coserver_consumer.model.lifecycle import complete
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.store import claim, enqueue, finish, maintain, manage
from coserver_consumer.store.claim.take import list_keys

FEW, MANY = 300, 6000
ROWS_READ = sa.text(
    "SELECT SUM(variable_value) FROM information_schema.session_status"
    " WHERE variable_name LIKE 'Handler_read%'"
)
SOME = 10  # steps; an index of more rows is a level higher


def count_steps(engine: Engine, work: Callable[[Connection], Any]) -> int:
    """Return how much the database did: instructions, pages or rows, as it counts them."""
    with engine.connect() as connection:
        count = {"sqlite": _count_instructions, "postgresql": _count_pages}.get(
            engine.dialect.name, _count_rows
        )
        steps = count(connection, work)
        connection.rollback()
        return steps


def _count_instructions(connection: Connection, work: Callable[[Connection], Any]) -> int:
    driver = connection.connection.driver_connection
    steps: list[None] = []
    driver.set_progress_handler(lambda: steps.append(None), 1)
    work(connection)
    driver.set_progress_handler(None, 0)
    return len(steps)


def _count_pages(connection: Connection, work: Callable[[Connection], Any]) -> int:
    pages = []

    def note(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        with cursor.connection.cursor() as other:
            other.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)
            plan = other.fetchone()[0][0]["Plan"]
        pages.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

    sa.event.listen(connection, "before_cursor_execute", note)
    work(connection)
    return sum(pages)


def _count_rows(connection: Connection, work: Callable[[Connection], Any]) -> int:
    first, second = (connection.scalar(ROWS_READ) for _ in range(2))  # to ask counts as well
    work(connection)
    return int(connection.scalar(ROWS_READ) - second - (second - first))


def claim_jobs(connection: Connection) -> list[Any]:
    """Claim a few jobs."""
    claimed = {"consumer": new_id(), "queues": ["default"], "tasks": ["t"], "limit": 9}
    return claim.claim(connection, **claimed)


def claim_and_finish(connection: Connection) -> Any:
    """Do what a consumer does to acknowledge and fetch."""
    return finish.end_attempts(connection, [complete(job) for job in claim_jobs(connection)])


def read_snapshot(connection: Connection) -> Any:
    """Ask whether there is something to claim."""
    return claim.read_snapshot(connection, ["default"])


def list_all_keys(connection: Connection) -> Any:
    """List the concurrency keys that jobs wait with."""
    return list_keys(connection, "default", after="", limit=64)


READY = NewJob(task="t")
ELSEWHERE = NewJob(task="t", options=JobOptions(queue="other"))
LATER = NewJob(task="t", options=JobOptions(delay=3600))
TIMELY = NewJob(task="t", options=JobOptions(expires=3600))
LIMITED = NewJob(task="t", options=JobOptions(limit="k"))
FOR_ANOTHER = NewJob(task="t", options=JobOptions(requires=("gpu",)))
# What is asked beside few or many jobs of a kind.
QUESTIONS = {
    "jobs that are ready": (
        READY,
        {
            "a snapshot": read_snapshot,
            "the keys where jobs wait without": list_all_keys,
            "a claim": claim_jobs,
            "acknowledge and fetch": claim_and_finish,
            "a heartbeat": lambda connection: maintain.heartbeat(connection, new_id()),
            "whom to rescue": maintain.has_dead,
            "what is open": finish.find_in_doubt,
            "what runs": claim.count_running,
        },
    ),
    "jobs of another queue": (ELSEWHERE, {"a snapshot": read_snapshot, "a claim": claim_jobs}),
    "jobs that are due later": (
        LATER,
        {"a snapshot": read_snapshot, "what is due": maintain.make_due_ready},
    ),
    "jobs that expire later": (
        TIMELY,
        {"a claim": claim_jobs, "what has expired": finish.expire_overdue},
    ),
    "jobs with a limit": (
        LIMITED,
        {"a snapshot": read_snapshot, "the keys that jobs wait with": list_all_keys},
    ),
    "jobs for another consumer": (FOR_ANOTHER, {"a snapshot": read_snapshot}),
}


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine as consumers have it."""
    engine = store.open_engine(database_url, for_consumer=True)
    store.write(engine, lambda connection: manage.add_queue(connection, "other"))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("beside", QUESTIONS)
def test_many_jobs_are_no_more_work_than_few(engine: Engine, beside: str) -> None:
    """Not even twice as much for twenty times as many."""
    kind, questions = QUESTIONS[beside]
    _add(engine, kind, FEW)
    few = {name: count_steps(engine, ask) for name, ask in questions.items()}
    _add(engine, kind, MANY - FEW)
    many = {name: count_steps(engine, ask) for name, ask in questions.items()}
    assert all(few.values())
    assert not {name: (few[name], many[name]) for name in few if many[name] >= 2 * few[name] + SOME}


def _add(engine: Engine, kind: NewJob, number: int) -> None:
    jobs = [replace(kind, id=new_id()) for _ in range(number)]
    store.write(engine, lambda connection: enqueue.add_many(connection, jobs))
    tidy = {"sqlite": "ANALYZE", "mysql": "ANALYZE TABLE coserver_job"}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        how = tidy.get(engine.dialect.name, "VACUUM ANALYZE coserver_job")
        connection.exec_driver_sql(how).close()
