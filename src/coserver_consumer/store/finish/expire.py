"""Jobs that no consumer has begun by the moment when they expire.

That is known by ``expires_at`` alone: a job that comes back after it was begun has none any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import State
from coserver_consumer.store.database.family import find_family
from coserver_consumer.store.finish.dependents import end_locked
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now
from coserver_consumer.store.schema.fragments import by_index, is_state, lock, pages

# Of each state in which a job can expire: why it hadn't begun.
REASONS = {
    State.READY: "No consumer began it in time.",
    State.SCHEDULED: "It wasn't due in time.",
    State.BLOCKED: "What it waited for didn't end in time.",
}


def expire_overdue(connection: Connection, *, limit: int = 1000) -> list[str]:
    """End up to ``limit`` jobs as expired whose moment has passed, the earliest first.

    Returns their ids. A staged job isn't among them: it must be known first whether its request
    has committed.
    """
    query = _select_overdue().order_by(tables.job.c.expires_at).limit(limit)
    query = by_index(find_family(connection), query, "coserver_job_expires")
    return _end(connection, lock(connection, query, skip=True).all())


def expire_if_overdue(connection: Connection, job_ids: Iterable[str]) -> list[str]:
    """End those of the jobs as expired whose moment has passed; return their ids."""
    ended: list[str] = []
    for page in pages(sorted(job_ids)):
        query = _select_overdue().where(tables.job.c.id.in_(page)).order_by(tables.job.c.id)
        ended += _end(connection, lock(connection, query).all())
    return ended


def is_overdue() -> sa.ColumnElement[bool]:
    """Return the condition that a live job waits although its moment has passed."""
    return sa.and_(is_state(*REASONS), tables.job.c.expires_at <= Now())


def _select_overdue() -> sa.Select[Any]:
    return sa.select(tables.job.c.id, tables.job.c.state).where(is_overdue())


def _end(connection: Connection, rows: Sequence[sa.Row[Any]]) -> list[str]:
    for state, reason in REASONS.items():
        ids = [row.id for row in rows if row.state == state.value]
        if ids:
            end_locked(connection, ids, state=State.EXPIRED, error=reason)
    return [row.id for row in rows]
