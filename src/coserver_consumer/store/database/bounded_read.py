"""Answers for people who don't want to wait long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeVar, assert_never

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from coserver_consumer.model.errors import TooSlow
from coserver_consumer.store.database.error_codes import TOO_SLOW
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.faults import find_code

T = TypeVar("T")

STEPS = 10_000  # of SQLite's machine between two looks at the clock


def read_within(engine: Engine, seconds: float, work: Callable[[Connection], T]) -> T:
    """Return what ``work`` returns; it only reads, and no statement may take longer than that.

    Raises ``TooSlow`` for one that would.
    """
    with engine.connect().execution_options(coserver_reads=True) as connection:
        try:
            with _bound(connection, seconds):
                return work(connection)
        except DBAPIError as error:
            if find_code(error.orig) not in TOO_SLOW:
                raise
            raise TooSlow(f"The database didn't find that within {seconds:g} s.") from None


@contextmanager
def _bound(connection: Connection, seconds: float) -> Iterator[None]:
    """Let no statement take longer, until the block ends."""
    match find_family(connection):
        case Family.POSTGRESQL:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(seconds * 1000)}")
            yield
        case Family.MYSQL:
            with _bound_mysql(connection, seconds):
                yield
        case Family.SQLITE:
            with _bound_sqlite(connection, seconds):
                yield
        case family:
            assert_never(family)


@contextmanager
def _bound_mysql(connection: Connection, seconds: float) -> Iterator[None]:
    """Set the session's limit, and the one before it in the end: the session goes on."""
    is_mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
    name = "max_statement_time" if is_mariadb else "max_execution_time"
    limit = seconds if is_mariadb else round(seconds * 1000)
    before = connection.exec_driver_sql(f"SELECT @@{name}").scalar_one()
    connection.exec_driver_sql(f"SET SESSION {name} = {limit}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"SET SESSION {name} = {before}")


@contextmanager
def _bound_sqlite(connection: Connection, seconds: float) -> Iterator[None]:
    """Have SQLite look at the clock; in one that has to be read through, each look is soon."""
    driver: Any = connection.connection.driver_connection
    end = monotonic() + seconds
    driver.set_progress_handler(lambda: monotonic() > end, STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
