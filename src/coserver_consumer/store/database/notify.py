"""Notifications from producers to idle consumers, where the database has them: PostgreSQL's NOTIFY.

A notification says that jobs were queued in a queue, not which; a consumer that misses it finds
them a moment later anyway. It is sent after the commit, on another connection: within the
transaction it would make all commits wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from coserver_consumer.store.database.engine import is_behind_pooler

CHANNEL = "coserver"


def can_notify(engine: Engine) -> bool:
    """Return True if this database has notifications, and the driver can wait for one."""
    return engine.dialect.driver == "psycopg"


def can_listen(engine: Engine) -> bool:
    """Return True if consumers can listen: behind a pooler there is no session to listen in."""
    return can_notify(engine) and not is_behind_pooler(engine)


def notify(engine: Engine, queues: Iterable[str]) -> None:
    """Notify the consumers of these queues that there are jobs."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for queue in queues:
            connection.execute(_NOTIFY, {"queue": queue})


def listen(engine: Engine) -> Connection:
    """Return a connection that receives notifications; the caller closes it."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()  # it never goes back to the pool, still listening
    connection.exec_driver_sql(f"LISTEN {CHANNEL}")
    return connection


def wait_for_notification(connection: Connection, *, timeout: float) -> Iterator[str]:
    """Yield the queues that are notified, as soon as one is, none after ``timeout`` seconds."""
    driver = connection.connection.dbapi_connection
    for notification in driver.notifies(timeout=timeout, stop_after=1):  # type: ignore[union-attr]
        yield notification.payload


_NOTIFY = sa.text(f"SELECT pg_notify('{CHANNEL}', :queue)")
