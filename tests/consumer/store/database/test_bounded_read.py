"""Answers that are awaited for a short time only."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine

from coserver_consumer import store
from coserver_consumer.model.errors import TooSlow
from coserver_consumer.store import manage

SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT 1 FROM n WHERE i < 0",
    "postgresql": "SELECT pg_sleep(600)",
    "mysql": "SELECT count(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b, seq_1_to_1000000 c",
}


def test_a_slow_answer_is_given_up(engine: Engine) -> None:
    """What asks says so, and the connection serves others, who may wait longer."""

    def work(connection: Connection) -> None:
        connection.exec_driver_sql(SLOW[engine.dialect.name]).all()

    with pytest.raises(TooSlow, match=r"within 0\.2 s"):
        store.read_within(engine, 0.2, work)
    assert store.read(engine, manage.queues) == ["default"]


def test_the_limit_is_for_one_question(engine: Engine) -> None:
    """A session that goes back to the pool has the limit that it had."""
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no sessions to ask; the handler is removed")
    asked = {
        "postgresql": "SHOW statement_timeout",
        "mysql": "SELECT @@max_statement_time",
    }[engine.dialect.name]

    def ask(connection: Connection) -> object:
        return connection.exec_driver_sql(asked).scalar_one()

    before = store.read(engine, ask)
    assert store.read_within(engine, 0.3, ask) != before
    assert store.read(engine, ask) == before
