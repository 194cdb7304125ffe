"""Locks by name on PostgreSQL and MariaDB; SQLite has none."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.store.database import advisory_lock
from coserver_consumer.store.database.advisory_lock import AdvisoryLock, hold
from support.databases import fresh_database, only_on

ONE = AdvisoryLock(number=1, name="one", timeout_s=0)
OTHER = AdvisoryLock(number=2, name="other", timeout_s=0)

on_servers = only_on("postgresql", "mysql")


def is_free(engine: Engine, *locks: AdvisoryLock) -> bool:
    """Return True if somebody else can have one of these locks."""
    with engine.connect() as connection, hold(connection, *locks) as is_held:
        return is_held


@on_servers
def test_a_lock_is_held_by_one(engine: Engine) -> None:
    """The other one is told so, and gets it when the first has ended."""
    with engine.begin() as connection, hold(connection, ONE) as is_held:
        assert is_held
        assert not is_free(engine, ONE)
        assert is_free(engine, OTHER)
    assert is_free(engine, ONE)


@on_servers
def test_the_first_lock_that_is_free_is_held(engine: Engine) -> None:
    """And no more than that one."""
    with engine.begin() as first, hold(first, ONE, OTHER):
        assert is_free(engine, OTHER)
        with engine.begin() as second, hold(second, ONE, OTHER) as is_held:
            assert is_held
            assert not is_free(engine, ONE, OTHER)


@on_servers
def test_another_database_of_the_server_has_its_own(engine: Engine, tmp_path: Path) -> None:
    """Two sites upgrade or claim without a thought of each other."""
    kind = engine.dialect.name
    with fresh_database(kind, tmp_path) as url, engine.begin() as connection:
        elsewhere = store.open_engine(url)
        with hold(connection, ONE):
            assert is_free(elsewhere, ONE)
        elsewhere.dispose()


@only_on("sqlite")
def test_sqlite_needs_no_lock(engine: Engine) -> None:
    """Its transaction is the only one there is."""
    with engine.connect() as connection, hold(connection, ONE) as is_held:
        assert is_held


def test_no_two_locks_are_the_same() -> None:
    """Neither by number nor by name, which says what it is for."""
    found = [each for each in vars(advisory_lock).values() if isinstance(each, AdvisoryLock)]
    locks = [*found, *advisory_lock.LARGE_CLAIMS]
    assert len({lock.number for lock in locks}) == len({lock.name for lock in locks}) == len(locks)


@only_on("mysql")
@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
def test_a_lock_on_mariadb_ends_with_its_block(engine: Engine, *, fails: bool) -> None:
    """Its connection goes back into a pool and lives on, with all locks that it holds by name."""
    with engine.connect() as connection:
        try:
            with hold(connection, ONE):
                assert not is_free(engine, ONE)
                if fails:
                    connection.exec_driver_sql("SELECT nothing FROM nowhere")
        except sa.exc.ProgrammingError:
            assert fails
        assert is_free(engine, ONE)


def lose_connection_with_lock(engine: Engine) -> None:
    """Have the connection that holds a lock ended from outside."""
    with engine.connect() as connection, hold(connection, ONE):
        number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar()
        with engine.connect() as other:
            other.exec_driver_sql(f"KILL {number}")
        connection.exec_driver_sql("SELECT 1")


@only_on("mysql")
def test_an_outage_with_a_lock_is_told_as_one(engine: Engine) -> None:
    """The lock can't be released on a connection that is gone; that must hide nothing."""
    with pytest.raises(sa.exc.OperationalError) as raised:
        lose_connection_with_lock(engine)

    assert store.is_outage(raised.value)
