"""Whether the ZODB's storages can be reached."""

from __future__ import annotations

import Zope2

from collective.coserver.evidence.storage_kind import unwrap


def find_disconnected() -> str | None:
    """Return the name of a database whose ZEO server is away, None if all are there."""
    for name, db in Zope2.DB.databases.items():
        is_connected = getattr(unwrap(db.storage), "is_connected", None)
        if is_connected is not None and not is_connected():
            return str(name)
    return None
