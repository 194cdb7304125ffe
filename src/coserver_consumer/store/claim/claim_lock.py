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
    """Hold a lock for a claim of up to ``limit`` jobs if it is a large one.

    It is taken before all other locks of the claim. On MariaDB the claim goes on without it if
    others hold it for too long.
    """
    if limit < LARGE_CLAIM:
        yield
        return
    with hold(connection, *LARGE_CLAIMS):
        yield
