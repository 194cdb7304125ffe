"""How the databases find rows: what is asked again and again must not scan what grows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine, event

from coserver_consumer import store
from coserver_consumer.job import NewJob, new_id


def explain(engine: Engine, work: Any) -> str:
    """Return the plans of the statements that ``work`` sends."""
    sent: list[tuple[str, Any]] = []

    def note(connection, cursor, statement, parameters, context, many):
        if statement.startswith(("SELECT", "UPDATE", "WITH")):
            sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    store.write(engine, work)
    event.remove(engine, "before_cursor_execute", note)
    prefix = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    with engine.begin() as connection:
        _prefer_indexes(connection)
        return "\n".join(
            str(row)
            for statement, parameters in sent
            for row in connection.exec_driver_sql(prefix + statement, parameters)
        )


def _prefer_indexes(connection: sa.Connection) -> None:
    """A test's table is so small that PostgreSQL would rather read it whole."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")


def fill(engine: Engine) -> None:
    """Queue enough jobs for an index to be worth it, and let the database count them."""
    store.write(engine, lambda c: store.add_many(c, [NewJob(task="t") for _ in range(1000)]))
    with engine.begin() as connection:
        table = "TABLE coserver_job" if engine.dialect.name == "mysql" else ""
        connection.exec_driver_sql(f"ANALYZE {table}")


def test_the_resolver_reads_an_index(engine: Engine) -> None:
    """Idle, its round is this one statement, and the jobs that wait don't slow it."""
    fill(engine)
    plan = explain(engine, store.find_unresolved)
    assert "coserver_job_unresolved" in plan


def test_the_claim_reads_an_index_in_its_order(engine: Engine) -> None:
    """It takes the first of the queue and sorts nothing."""
    fill(engine)
    plan = explain(
        engine,
        lambda c: store.claim(c, consumer=new_id(), queues=["default"], tasks=["t"], limit=1),
    )
    assert "coserver_job_claim" in plan
