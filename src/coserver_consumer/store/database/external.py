"""Connections of other libraries: their transaction stays theirs, and a job can be part of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import NullPool

from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.store.database.address import show_address
from coserver_consumer.store.database.redaction import keep_values_out


@contextmanager
def borrow(engine: Engine, connection: DBAPIConnection) -> Iterator[Connection]:
    """Yield an SQLAlchemy connection that works in the transaction of the driver's connection.

    It must be of the driver that ``engine`` has. It is neither committed, rolled back nor closed,
    and its settings stay as they are.
    """
    check_driver(engine, connection)
    with _engine_on(engine, connection).connect() as inside:
        yield inside


def check_driver(engine: Engine, connection: Any) -> None:
    """Raise ``ConfigurationError`` unless the connection is one of the engine's driver."""
    driver = engine.dialect.loaded_dbapi
    if isinstance(connection, getattr(driver, "Connection", type(connection))):
        return
    given = type(connection)
    raise ConfigurationError(
        f"A connection of {given.__module__}.{given.__qualname__} can't be used with a client of "
        f"{show_address(engine)}: it must be SQLAlchemy's or one of "
        f"the driver {engine.dialect.driver}."
    )


def _engine_on(engine: Engine, connection: DBAPIConnection) -> Engine:
    options: dict[str, Any] = {}
    if engine.dialect.driver == "psycopg":
        options["use_native_hstore"] = False  # it would be looked for at each use
    made = sa.create_engine(
        engine.url,
        creator=lambda: _Borrowed(connection),
        poolclass=NullPool,
        hide_parameters=True,
        **options,
    )
    keep_values_out(made)
    return made


class _Borrowed:
    """A driver's connection whose transaction SQLAlchemy can't end."""

    def __init__(self, connection: DBAPIConnection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None:
        """Leave that to the owner."""

    def rollback(self) -> None:
        """Leave that to the owner."""

    def close(self) -> None:
        """Leave that to the owner."""
