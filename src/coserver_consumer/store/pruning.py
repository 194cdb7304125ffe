"""Old history goes."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.store import schema
from coserver_consumer.store.clock import SECOND, Now
from coserver_consumer.store.partitions import pruned_singly
from coserver_consumer.store.sql import locked


def prune(connection: Connection, *, older_than: float, limit: int = 1000) -> int:
    """Remove up to ``limit`` jobs that ended more than ``older_than`` seconds ago; return how many.

    Their errors, their lines and what they waited for go with them. On PostgreSQL whole days are
    dropped instead, see ``partitions``.
    """
    ended = schema.history.c
    old = (
        sa.select(ended.id)
        .where(
            ended.ended_at < Now() - round(older_than * SECOND),
            pruned_singly(connection, older_than=older_than),
        )
        .order_by(ended.ended_at)
        .limit(limit)
    )
    ids = connection.execute(locked(connection, old, skip=True)).scalars().all()
    if ids:
        for told in (schema.error, schema.line, schema.dependency):
            connection.execute(sa.delete(told).where(told.c.job_id.in_(ids)))
        connection.execute(sa.delete(schema.history).where(ended.id.in_(ids)))
    return len(ids)
