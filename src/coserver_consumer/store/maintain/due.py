"""Scheduled jobs whose time has come."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import State
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now
from coserver_consumer.store.schema.fragments import is_state, lock


def make_due_ready(connection: Connection, *, limit: int = 1000) -> int:
    """Make the scheduled jobs ready whose time has come, the oldest first; return how many."""
    job = tables.job.c
    due = (
        sa.select(job.id)
        .where(is_state(State.SCHEDULED), job.run_at <= Now())
        .order_by(job.run_at)
        .limit(limit)
    )
    ids = lock(connection, due, skip=True).scalars().all()
    if ids:
        ready = sa.update(tables.job).where(job.id.in_(ids))
        connection.execute(ready.values(state=State.READY.value))
    return len(ids)
