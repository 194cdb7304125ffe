"""What the jobs' data managers ask the ZODB: its connection, and its last transaction."""

from __future__ import annotations

from transaction.interfaces import ITransaction
from ZODB.Connection import Connection
from ZODB.utils import u64

SESSIONS = "temporary"  # the database that Zope keeps browser sessions in; it doesn't last


def find_connection(current: ITransaction) -> Connection | None:
    """Return the ZODB connection of the transaction that finishes last, None if none has joined.

    Several databases finish one after the other: what the last one has, all have.
    """
    joined = [
        resource
        for resource in current._resources  # noqa: SLF001  there is no public list
        if isinstance(resource, Connection) and resource.db().database_name != SESSIONS
    ]
    return max(joined, key=Connection.sortKey, default=None)


def last_tid(connection: Connection) -> int:
    """Return the id of the last transaction that the connection's storage knows, as a number.

    It is asked of the connection's own storage: ``db.lastTransaction()`` lags on RelStorage.
    """
    tid: int = u64(connection._storage.lastTransaction())  # noqa: SLF001
    return tid
