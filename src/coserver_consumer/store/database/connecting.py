"""How an engine's connections are made, so that none of them waits for ever.

``statement_timeout`` and its like are the server's: one that stands still, whose kernel goes on to
acknowledge packets, keeps none of them. So the client has a deadline of its own for each answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import Dialect

from coserver_consumer.store.database.address import wrong_option
from coserver_consumer.store.database.sessions import Timeouts

ANSWER_MARGIN_S = 1.0  # beyond its own timeout, for the server to say so
MIN_CONNECT_TIMEOUT_S = 2  # libpq takes no less
MYSQL_DRIVERS = ("pymysql", "mysqldb")
# What the drivers of MySQL raise for an option that they don't take, beside errors of their own.
OPTION_ERRORS = (
    AttributeError,
    LookupError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
)


class Connecting:
    """Gives new connections their timeouts, unless whoever made the engine has set others."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts

    def connect(self, dialect: Dialect, _record: Any, args: Any, options: dict[str, Any]) -> Any:
        """Return a connection of the driver, None to leave it to SQLAlchemy.

        Raises ``ConfigurationError`` for an option in the address that the driver doesn't know.
        """
        for name, value in self._find_limits(dialect.driver).items():
            options.setdefault(name, value)
        if dialect.driver == "psycopg":
            return self._connect_psycopg(args, options)
        return _connect_mysql(dialect, args, options) if dialect.driver in MYSQL_DRIVERS else None

    def _connect_psycopg(self, args: Any, options: dict[str, Any]) -> Any:
        from psycopg import ProgrammingError

        from coserver_consumer.store.database.bounded_connection import (
            BoundedConnection,  # which imports psycopg
        )

        try:
            connection = BoundedConnection.connect(*args, **options)
        except ProgrammingError as error:
            if error.sqlstate is not None:
                raise
            raise wrong_option(error) from None
        connection.answer_within = self._answer_within
        return connection

    @property
    def _answer_within(self) -> float:
        return self._timeouts.statement + ANSWER_MARGIN_S

    def _find_limits(self, driver: str) -> dict[str, Any]:
        """Return the limits as the driver calls them; it may be one that we don't know."""
        seconds, answer = self._timeouts.connect, self._answer_within
        if driver in ("psycopg", "psycopg2"):
            return {
                "connect_timeout": max(MIN_CONNECT_TIMEOUT_S, round(seconds)),
                "tcp_user_timeout": round(answer * 1000),
            }
        if driver in MYSQL_DRIVERS:
            within = max(1, round(answer))
            return {
                "connect_timeout": max(1, round(seconds)),
                "read_timeout": within,
                "write_timeout": within,
            }
        return {}


def _connect_mysql(dialect: Dialect, args: Any, options: dict[str, Any]) -> Any:
    """Connect; what isn't an error of the driver's own is about what it was given."""
    errors: type[Exception] = dialect.loaded_dbapi.Error
    try:
        return dialect.connect(*args, **options)
    except errors:
        raise
    except OPTION_ERRORS as error:
        raise wrong_option(error) from None


@contextmanager
def without_deadline(connection: Connection) -> Iterator[None]:
    """Wait for the answers to this connection's statements as long as they take."""
    driver = connection.connection.dbapi_connection
    name = "answer_within" if hasattr(driver, "answer_within") else "_read_timeout"
    before = getattr(driver, name, None)
    if before is None:
        yield
        return
    setattr(driver, name, None)
    try:
        yield
    finally:
        setattr(driver, name, before)
