"""Dropping a partition of the history once all that is in it is old.

That locks the whole history, for a moment.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.store.database.advisory_lock import PARTITIONS, hold
from coserver_consumer.store.maintain.partitions import (
    HISTORY,
    Partition,
    find_days,
    has_any,
    milliseconds_ago,
    quote,
    with_short_lock_timeout,
)
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now


@dataclass(frozen=True, slots=True, kw_only=True)
class DropStep:
    """A step in dropping a day: how many rows of other tables went, and whether the day is gone."""

    name: str
    cleared: int
    is_done: bool


def drop_old_partition(
    connection: Connection, *, older_than: float, limit: int = 1000
) -> DropStep | None:
    """Drop a day all of whose jobs ended more than ``older_than`` seconds ago, step by step.

    Their errors, their lines, what they waited for and what Zope wasn't told of them go first: up
    to ``limit`` rows of each in a step. Returns None if there is no such day.
    """
    with hold(connection, PARTITIONS) as is_held:
        old = _find_old(connection, older_than) if is_held else None
        if old is None:
            return None
        cleared = _clear(connection, old, limit)
        is_done = not cleared and _drop_whole(connection, old, older_than)
        return DropStep(name=old.name, cleared=cleared, is_done=is_done)


def _find_old(connection: Connection, older_than: float) -> Partition | None:
    """Return the first day that we may drop and that has old jobs only."""
    before = milliseconds_ago(connection, older_than)
    for each in find_days(connection):
        if each.end <= before and each.is_ours and not _has_younger(connection, each, older_than):
            return each
    return None


def _has_younger(connection: Connection, partition: Partition, older_than: float) -> bool:
    ended_at = partition.table.c.ended_at
    young = ended_at >= Now() - round(older_than * SECOND)
    return has_any(connection, partition.table, young)


def _clear(connection: Connection, partition: Partition, limit: int) -> int:
    """Remove rows of other tables that belong to its jobs; return how many.

    A job that was made on that day and still lives keeps its own.
    """
    gone = 0
    for table in (tables.error, tables.line, tables.dependency, tables.event):
        key = sa.tuple_(*table.primary_key)
        lives = sa.select(tables.job.c.id).where(tables.job.c.id == table.c.job_id).exists()
        some = (
            sa.select(*table.primary_key)
            .where(partition.has(table.c.job_id), ~lives)
            .order_by(table.c.job_id)
            .limit(limit)
        )
        gone += connection.execute(sa.delete(table).where(key.in_(some))).rowcount
    return gone


def _drop_whole(connection: Connection, partition: Partition, older_than: float) -> bool:
    """Return False if a job of that day has ended meanwhile, or a lock can't be had in time."""

    def drop() -> bool:
        connection.exec_driver_sql(f"LOCK TABLE ONLY {HISTORY}")
        if _has_younger(connection, partition, older_than):
            return False
        connection.exec_driver_sql(f"DROP TABLE {quote(connection, partition)}")
        return True

    return with_short_lock_timeout(connection, drop)
