"""MariaDB keeps what is gone in its indexes while somebody holds a transaction that may see it.

A read that locks visits the row of each such entry, a plain one goes over the entries of a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from coserver_consumer import store
from coserver_consumer.job import NewJob, new_id
from coserver_consumer.lifecycle import complete
from support.databases import only_on

pytestmark = only_on("mysql")
GONE = 3000
PAGES = sa.text(
    "SELECT variable_value FROM information_schema.global_status"
    " WHERE variable_name = 'Innodb_buffer_pool_read_requests'"
)


@pytest.fixture
def somebody(engine: Engine) -> Iterator[Connection]:
    """Somebody who has read the jobs and goes on to see them as they were."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.execute(sa.text("SELECT count(*) FROM coserver_job"))
        yield connection


def claim(connection: Connection) -> list[Any]:
    """Claim as many jobs as there may be, from the beginning of the queue."""
    claimed = {"consumer": new_id(), "queues": ["default"], "tasks": ["t"], "limit": GONE}
    return store.claim(connection, **claimed)


@pytest.mark.parametrize("waiting", [0, 1])
@pytest.mark.usefixtures("somebody")
def test_a_claim_does_not_visit_the_rows_that_are_gone(engine: Engine, waiting: int) -> None:
    """Neither before the first job that waits nor behind the last one."""
    add(engine, GONE)
    gone = store.write(engine, claim)
    store.write(engine, lambda connection: store.finish(connection, map(complete, gone)))
    add(engine, waiting)
    with engine.connect() as other:
        before = int(other.scalar(PAGES))
        assert len(store.write(engine, claim)) == waiting
        assert int(other.scalar(PAGES)) - before < GONE


def add(engine: Engine, number: int) -> None:
    """Queue so many jobs."""
    jobs = [NewJob(task="t") for _ in range(number)]
    store.write(engine, lambda connection: store.add_many(connection, jobs))
