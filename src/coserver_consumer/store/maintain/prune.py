"""Removing old history.

It is found by when it ended. UUIDv7s begin with the time at which a job was made, so the jobs that
ended at about the same time mostly lie together, and are removed as a range of ids: by a list of a
thousand ids it would take twice as long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.store.maintain.partitions import pruned_singly
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now

MAX_RANGE_FACTOR = 2  # a range with more rows than so many times those that go is read in vain

Chosen = Callable[[sa.Column[str]], sa.ColumnElement[bool]]


def prune(connection: Connection, *, older_than: float, limit: int = 1000) -> int:
    """Remove jobs that ended more than ``older_than`` seconds ago; return how many.

    That is the ``limit`` oldest, and others that ended in the same microsecond as the last of them
    if these lie among them. Their errors, their lines, what they waited for and what Zope wasn't
    told of them go with them. On PostgreSQL whole days are dropped instead, see ``partitions``.
    """
    ended = tables.history.c
    before = Now() - round(older_than * SECOND)
    singly = pruned_singly(connection, older_than=older_than)
    oldest = (
        sa.select(ended.id, ended.ended_at)
        .where(ended.ended_at < before, singly)
        .order_by(ended.ended_at)
        .limit(limit)
    )
    rows = connection.execute(oldest).all()
    if not rows:
        return 0
    chosen, last = _choose(connection, sorted(row.id for row in rows)), rows[-1].ended_at
    old = sa.delete(tables.history).where(chosen(ended.id), ended.ended_at <= last, singly)
    gone = connection.execute(old).rowcount
    for table in (tables.error, tables.line, tables.dependency, tables.event):
        connection.execute(sa.delete(table).where(chosen(table.c.job_id), _has_no_job(table)))
    return gone


def _choose(connection: Connection, ids: Sequence[str]) -> Chosen:
    """Return the condition that a column has one of these ids, or lies in their range."""
    ended, most = tables.history.c, MAX_RANGE_FACTOR * len(ids)
    around = sa.select(ended.id).where(ended.id.between(ids[0], ids[-1])).order_by(ended.id)
    first = around.limit(most + 1).subquery()
    number = connection.execute(sa.select(sa.func.count()).select_from(first)).scalar_one()
    if number <= most:
        return lambda column: column.between(ids[0], ids[-1])
    return lambda column: column.in_(ids)


def _has_no_job(row: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that a row's job is neither alive nor in the history."""
    here = [sa.exists().where(table.c.id == row.c.job_id) for table in (tables.job, tables.history)]
    return ~sa.or_(*here)
