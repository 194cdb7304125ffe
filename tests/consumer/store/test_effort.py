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
from coserver_consumer.job import NewJob, new_id
from coserver_consumer.lifecycle import complete
from coserver_consumer.store.picking import list_lanes

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


def claim(connection: Connection) -> list[Any]:
    """Claim a few jobs."""
    claimed = {"consumer": new_id(), "queues": ["default"], "tasks": ["t"], "limit": 9}
    return store.claim(connection, **claimed)


def claim_and_finish(connection: Connection) -> Any:
    """Do what a consumer's round does."""
    return store.finish(connection, [complete(job) for job in claim(connection)])


def look(connection: Connection) -> Any:
    """Look whether there is something to claim."""
    return store.look(connection, ["default"])


def list_keys(connection: Connection) -> Any:
    """List the limit keys that jobs wait with."""
    return list_lanes(connection, "default", behind="", limit=64)


READY = NewJob(task="t")
ELSEWHERE = NewJob(task="t", queue="other")
LATER = NewJob(task="t", delay=3600)
LIMITED = NewJob(task="t", limit_key="k")
FOR_ANOTHER = NewJob(task="t", requires=("gpu",))
# Each question with the kind of jobs of which there are few or many.
QUESTIONS = {
    "a look": (look, READY),
    "a look at an empty queue": (look, ELSEWHERE),
    "a look while jobs are scheduled": (look, LATER),
    "a look beside jobs with a limit": (look, LIMITED),
    "a look beside jobs for another consumer": (look, FOR_ANOTHER),
    "the keys that jobs wait with": (list_keys, LIMITED),
    "the keys where jobs wait without": (list_keys, READY),
    "a claim": (claim, READY),
    "a claim in an empty queue": (claim, ELSEWHERE),
    "a round": (claim_and_finish, READY),
    "a heartbeat": (lambda connection: store.heartbeat(connection, new_id()), READY),
    "what is due": (store.wake, LATER),
    "whom to rescue": (store.has_dead, READY),
    "what is open": (store.find_unresolved, READY),
    "what runs": (store.count_running, READY),
}


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine as consumers have it."""
    engine = store.open_engine(database_url, for_rounds=True)
    store.write(engine, lambda connection: store.add_queue(connection, "other"))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("question", QUESTIONS)
def test_many_jobs_are_no_more_work_than_few(engine: Engine, question: str) -> None:
    """Not even twice as much for twenty times as many."""
    ask, kind = QUESTIONS[question]
    _add(engine, kind, FEW)
    few = count_steps(engine, ask)
    _add(engine, kind, MANY - FEW)
    assert few > 0
    assert count_steps(engine, ask) < 2 * few + SOME


def _add(engine: Engine, kind: NewJob, number: int) -> None:
    jobs = [replace(kind, id=new_id()) for _ in range(number)]
    store.write(engine, lambda connection: store.add_many(connection, jobs))
    tidy = {"sqlite": "ANALYZE", "mysql": "ANALYZE TABLE coserver_job"}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        how = tidy.get(engine.dialect.name, "VACUUM ANALYZE coserver_job")
        connection.exec_driver_sql(how).close()
