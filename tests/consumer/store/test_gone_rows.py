"""MariaDB keeps what is gone in its indexes while somebody holds a transaction that may see it.

A read that locks visits the row of each such entry, a plain one goes over the entries of a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from coserver_consumer import store
from coserver_consumer.model.job import new_id
from coserver_consumer.model.lifecycle import complete
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.store import claim, enqueue, finish, maintain
from coserver_consumer.store.schema import tables
from support.databases import only_on
from support.locks import find_writing
from support.waiting import wait_for

pytestmark = only_on("mysql")
GONE = 3000
PAGES = re.compile(r'"pages_accessed": (\d+)')


def count_pages(engine: Engine, work: Callable[[Connection], Any]) -> int:
    """Return how many pages InnoDB read for the queries of ``work``, each of which runs twice."""
    pages: list[int] = []

    def note(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        if statement.startswith("SELECT"):
            with cursor.connection.cursor() as other:
                other.execute(f"ANALYZE FORMAT=JSON {statement}", parameters)
                pages.extend(int(number) for number in PAGES.findall(other.fetchone()[0]))

    sa.event.listen(engine, "before_cursor_execute", note)
    store.write(engine, work)
    sa.event.remove(engine, "before_cursor_execute", note)
    return sum(pages)


def wait_for_older_transactions(engine: Engine) -> None:
    """Return when all transactions have ended that write on this server now, whosever they are.

    Else InnoDB looks each gone row up, to see whether it is gone for everybody.
    """
    old = find_writing(engine)
    wait_for(lambda: not old & find_writing(engine), what="the transactions of others to end")


@pytest.fixture
def somebody(engine: Engine) -> Iterator[Connection]:
    """Somebody who has read the jobs and goes on to see them as they were."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.execute(sa.text("SET SESSION idle_transaction_timeout = 0"))
        connection.execute(sa.text("SELECT count(*) FROM coserver_job"))
        yield connection


def claim_jobs(connection: Connection) -> list[Any]:
    """Claim as many jobs as there may be, from the beginning of the queue."""
    claimed = {"consumer": new_id(), "queues": ["default"], "tasks": ["t"], "limit": GONE}
    return claim.claim(connection, **claimed)


@pytest.mark.parametrize("waiting", [0, 1])
@pytest.mark.usefixtures("somebody")
def test_a_claim_does_not_visit_the_rows_that_are_gone(engine: Engine, waiting: int) -> None:
    """Neither before the first job that waits nor behind the last one."""
    add(engine, GONE)
    gone = store.write(engine, claim_jobs)
    store.write(engine, lambda connection: finish.end_attempts(connection, map(complete, gone)))
    add(engine, waiting)
    claimed: list[Any] = []
    wait_for_older_transactions(engine)
    assert 0 < count_pages(engine, lambda c: claimed.extend(claim_jobs(c))) < GONE
    assert len(claimed) == waiting


def add(engine: Engine, number: int) -> None:
    """Queue so many jobs."""
    jobs = [NewJob(task="t") for _ in range(number)]
    store.write(engine, lambda connection: enqueue.add_many(connection, jobs))


@pytest.mark.usefixtures("somebody")
def test_pruning_does_not_visit_the_history_that_is_gone(engine: Engine) -> None:
    """A large history that goes in many portions would take longer for each of them."""
    with engine.begin() as connection:
        old = {"task": "t", "state": "completed", "ended_at": 1}
        connection.execute(sa.insert(tables.history), [old] * (GONE + 1))
    assert store.write(engine, lambda c: maintain.prune(c, older_than=60, limit=GONE)) >= GONE
    wait_for_older_transactions(engine)
    assert 0 < count_pages(engine, lambda c: maintain.prune(c, older_than=60)) < GONE
