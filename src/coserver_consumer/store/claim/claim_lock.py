"""No more than two large claims go at once.

A claim steps over the rows that others are just taking; many large ones would do little else.
SQLite has one writer at a time anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from coserver_consumer.store.database.advisory_lock import LARGE_CLAIMS, hold

LARGE_CLAIM = 400  # jobs


@contextmanager
def hold_claim_lock(connection: Connection, limit: int) -> Iterator[None]:
    """Make a claim of up to ``limit`` jobs in here, before which it has taken no lock of its own.

    On MariaDB it goes on without the lock if others hold it for too long.
    """
    if limit < LARGE_CLAIM:
        yield
        return
    with hold(connection, *LARGE_CLAIMS):
        yield
