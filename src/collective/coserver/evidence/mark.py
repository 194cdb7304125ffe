"""Marking a transaction, so that it can be found later."""

from __future__ import annotations

from typing import Any

from transaction.interfaces import ITransaction
from ZODB.Connection import Connection

from collective.coserver.evidence.marker_objects import write_marker
from collective.coserver.evidence.storage_kind import keeps_metadata
from coserver_consumer.model.indoubt import Mark


def mark_transaction(
    current: ITransaction, connection: Connection, mark: Mark, value: str
) -> dict[str, Any]:
    """Mark the transaction; return the first part of its evidence.

    Call it before the storages begin (``tpc_begin``), since they copy the metadata there.
    """
    current.setExtendedInfo(mark.value, value)
    database = connection.db()
    evidence = {} if keeps_metadata(database.storage) else write_marker(connection, mark, value)
    return {"mark": mark.value, "database": database.database_name, **evidence}
