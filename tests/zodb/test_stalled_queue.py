"""A queue that answers late must not hold the ZODB up."""

from __future__ import annotations

import time
from typing import Any

import pytest
import sqlalchemy as sa
import transaction
from sqlalchemy import Engine

from collective.coserver import queue
from collective.coserver.engine import TIMEOUTS
from coserver_consumer.errors import StoreUnavailable
from coserver_consumer.store import schema
from support.addon import use_database
from support.storages import open_db


@pytest.fixture
def db(tmp_path: Any) -> Any:
    """A ZODB behind a ZEO server."""
    with open_db("zeo", tmp_path) as database:
        yield database


def test_a_locked_queue_fails_the_request_soon(
    engine: Engine, database_url: str, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has locked the table: the request fails in seconds, and the ZODB is free again."""
    with use_database(database_url, monkeypatch):
        db.open().root()["value"] = 1
        queue.add("/Plone/@@view")
        with engine.connect() as connection:
            _lock(connection)
            began = time.monotonic()
            with pytest.raises(StoreUnavailable, match="refuses that now"):
                transaction.commit()
            waited = time.monotonic() - began
        transaction.abort()
    assert waited < TIMEOUTS.lock + TIMEOUTS.statement
    with db.transaction() as other:
        assert "value" not in other.root()
        other.root()["other"] = 1


def _lock(connection: sa.Connection) -> None:
    """Keep everybody else from writing jobs; on SQLite the open transaction does."""
    match connection.dialect.name:
        case "postgresql":
            connection.exec_driver_sql(f"LOCK TABLE {schema.job.name}")
        case "mysql" | "mariadb":
            connection.exec_driver_sql(f"LOCK TABLES {schema.job.name} WRITE")
        case _:
            connection.execute(sa.select(1))
