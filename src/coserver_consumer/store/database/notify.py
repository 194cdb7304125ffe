"""Calls from producers to idle consumers, where the database carries such: PostgreSQL's NOTIFY.

A call says that jobs were queued, not which; whoever misses it looks a moment later anyway. It is
sent after the commit, on another connection: within the transaction it would make all commits wait
for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from coserver_consumer.store.database.engine import is_behind_pooler

CHANNEL = "coserver"


def carries_calls(engine: Engine) -> bool:
    """Return True if this database carries calls, by a driver that hears them."""
    return (engine.dialect.name, engine.dialect.driver) == ("postgresql", "psycopg")


def can_listen(engine: Engine) -> bool:
    """Return True if consumers can hear calls: a pooler gives no session to listen in."""
    return carries_calls(engine) and not is_behind_pooler(engine)


def call(engine: Engine, queues: Iterable[str]) -> None:
    """Tell the consumers of these queues that there are jobs."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for queue in queues:
            connection.execute(_NOTIFY, {"queue": queue})


def listen(engine: Engine) -> Connection:
    """Return a connection that hears calls; the caller closes it."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()  # it never goes back to the pool, still listening
    connection.exec_driver_sql(f"LISTEN {CHANNEL}")
    return connection


def hear(connection: Connection, *, patience: float) -> Iterator[str]:
    """Yield the queues that are called for within ``patience`` seconds, as soon as one is."""
    driver = connection.connection.dbapi_connection
    for notice in driver.notifies(timeout=patience, stop_after=1):  # type: ignore[union-attr]
        yield notice.payload


_NOTIFY = sa.text(f"SELECT pg_notify('{CHANNEL}', :queue)")
