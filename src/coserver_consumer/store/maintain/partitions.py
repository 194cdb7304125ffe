"""The history on PostgreSQL: a partition for the jobs that were made on one day.

A UUIDv7 begins with its time, so a range of ids is a day, or several where history is kept for
long. What is in no such range is in the default partition: ids that another program made
otherwise, and days for which there was no partition in time.

To make a day's partition locks the default one only, which is read for rows of that day. To drop it
locks the whole history, for a moment. Neither waits for its locks, since others would wait behind:
the next time will do as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from math import ceil

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from coserver_consumer.store.database.advisory_lock import PARTITIONS, hold
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.faults import is_in_the_way
from coserver_consumer.store.manage.queries import now
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.types import Id

DAY = 86_400_000  # milliseconds, as ids count
AHEAD = 7 * DAY
MOST = 30  # partitions of what is kept: a query that can't tell the day locks all of them
PATIENCE = "500ms"  # for locks

NAME = tables.history.name
MAY_MAKE = """
SELECT pg_has_role(relowner, 'USAGE') AND has_schema_privilege(relnamespace, 'CREATE')
FROM pg_class WHERE oid = 'coserver_history'::regclass
"""
ALL = """
SELECT nspname, relname, pg_get_expr(relpartbound, part.oid), pg_has_role(relowner, 'USAGE')
FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid
JOIN pg_namespace space ON space.oid = relnamespace
WHERE inhparent = 'coserver_history'::regclass
"""
BOUNDS = re.compile(r"FOR VALUES FROM \('([0-9a-f-]{36})'\) TO \('([0-9a-f-]{36})'\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """The ended jobs whose ids begin with a time from ``start`` and before ``end``, milliseconds.

    ``is_ours``: the database's user may drop it.
    """

    space: str
    name: str
    start: int
    end: int
    is_ours: bool = True

    @property
    def table(self) -> sa.Table:
        """What is in it, as a table of its own."""
        return _table(self.space, self.name)

    def has(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """Return the condition that an id is one of its ids."""
        return sa.and_(column >= _written(self.start), column < _written(self.end))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropping:
    """A step on the way to drop a day: so many rows of other tables went, and at last the day."""

    name: str
    cleared: int
    is_done: bool


def has_partitions(engine: Engine) -> bool:
    """Return True if the history on this database is one of partitions."""
    return find_family(engine) is Family.POSTGRESQL


def may_make_partitions(connection: Connection) -> bool:
    """Return True if the database's user may add tables to the history."""
    return bool(connection.exec_driver_sql(MAY_MAKE).scalar())


def make_partitions(connection: Connection, *, keep_days: float) -> list[str]:
    """Make those for the next days that aren't there; return their names.

    A day that has rows in the default partition stays there. Nothing is made while another process
    does so, or what it locks is held.
    """
    with hold(connection, PARTITIONS) as is_held:
        if not is_held:
            return []
        coming = _find_coming(connection, keep_days)
        made = _briefly(connection, lambda: _make(connection, coming))
        return [each.name for each in coming] if made else []


def drop_old_partition(
    connection: Connection, *, older_than: float, limit: int = 1000
) -> Dropping | None:
    """Drop a day all of whose jobs ended more than ``older_than`` seconds ago, step by step.

    First go their errors, their lines and what they waited for: up to ``limit`` rows of each in a
    step. Returns None if there is no such day.
    """
    with hold(connection, PARTITIONS) as is_held:
        old = _find_old(connection, older_than) if is_held else None
        if old is None:
            return None
        cleared = _clear(connection, old, limit)
        is_done = not cleared and _drop_whole(connection, old, older_than)
        return Dropping(name=old.name, cleared=cleared, is_done=is_done)


def pruned_singly(connection: Connection, *, older_than: float) -> sa.ColumnElement[bool]:
    """Return which rows of the history are removed one by one when they are old.

    On PostgreSQL those of no day, and of days that should have been dropped a day ago: a few jobs
    that ended late keep them, or nobody may drop them. That is told by ids, since the database's
    user may have no rights on partitions, but on the history.
    """
    if find_family(connection) is not Family.POSTGRESQL:
        return sa.true()
    late = _cut(connection, older_than) - DAY
    days = [each for each in _find_days(connection) if each.end > late]
    if not days:
        return sa.true()
    column = tables.history.c.id
    return sa.or_(column < _written(days[0].start), column >= _written(days[-1].end))


def first_id(milliseconds: int) -> str:
    """Return the lowest id that begins with this time."""
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"


def _written(milliseconds: int) -> sa.BindParameter[str]:
    """Return that id as a part of the statement: its plan then leaves partitions out."""
    return sa.bindparam(None, first_id(milliseconds), Id, literal_execute=True)


def _find_days(connection: Connection) -> list[Partition]:
    """Return the partitions but for the default one, the oldest first."""
    found = []
    for space, name, rule, is_ours in connection.exec_driver_sql(ALL):
        if bounds := BOUNDS.fullmatch(rule or ""):  # none: it was dropped this very moment
            start, end = (int(bound.replace("-", "")[:12], 16) for bound in bounds.groups())
            found.append(Partition(space=space, name=name, start=start, end=end, is_ours=is_ours))
    return sorted(found, key=lambda each: each.start)


def _find_rest(connection: Connection) -> sa.Table:
    """Return the default partition."""
    rows = connection.exec_driver_sql(ALL)
    [table] = [_table(space, name) for space, name, rule, _ in rows if rule == "DEFAULT"]
    return table


def _find_coming(connection: Connection, keep_days: float) -> list[Partition]:
    """Return the next days that have neither a partition nor rows in the default one."""
    rest = _find_rest(connection)
    wide = DAY * max(1, ceil(keep_days / MOST))
    today = now(connection) // 1000 // DAY * DAY
    start = max([today, *(each.end for each in _find_days(connection))])
    starts = range(start, today + AHEAD, wide)
    days = [_to_partition(rest, start, start + wide) for start in starts]
    return [each for each in days if not _has_any(connection, rest, each.has(rest.c.id))]


def _to_partition(rest: sa.Table, start: int, end: int) -> Partition:
    day = datetime.fromtimestamp(start / 1000, tz=UTC)
    return Partition(space=str(rest.schema), name=f"{NAME}_{day:%Y%m%d}", start=start, end=end)


def _make(connection: Connection, coming: Sequence[Partition]) -> bool:
    """Make all tables first: from then on the default partition is locked."""
    for each in coming:
        connection.exec_driver_sql(
            f"CREATE TABLE {_quoted(connection, each)} (LIKE {NAME} INCLUDING ALL)"
        )
    for each in coming:
        connection.exec_driver_sql(
            f"ALTER TABLE {NAME} ATTACH PARTITION {_quoted(connection, each)}"
            f" FOR VALUES FROM ('{first_id(each.start)}') TO ('{first_id(each.end)}')"
        )
    return True


def _cut(connection: Connection, older_than: float) -> int:
    """Return the time that many seconds ago, in milliseconds."""
    return now(connection) // 1000 - round(older_than * 1000)


def _find_old(connection: Connection, older_than: float) -> Partition | None:
    """Return the first day that we may drop and that has old jobs only."""
    before = _cut(connection, older_than)
    for each in _find_days(connection):
        if each.end <= before and each.is_ours and not _has_younger(connection, each, older_than):
            return each
    return None


def _has_younger(connection: Connection, partition: Partition, older_than: float) -> bool:
    ended_at = partition.table.c.ended_at
    young = ended_at >= Now() - round(older_than * SECOND)
    return _has_any(connection, partition.table, young)


def _has_any(connection: Connection, table: sa.Table, rule: sa.ColumnElement[bool]) -> bool:
    query = sa.select(table.c.id).where(rule).limit(1)
    return connection.execute(query).first() is not None


def _clear(connection: Connection, partition: Partition, limit: int) -> int:
    """Remove rows of other tables that belong to its jobs; return how many.

    A job that was made on that day and still lives keeps its own.
    """
    gone = 0
    for told in (tables.error, tables.line, tables.dependency):
        key = sa.tuple_(*told.primary_key)
        lives = sa.select(tables.job.c.id).where(tables.job.c.id == told.c.job_id).exists()
        some = (
            sa.select(*told.primary_key)
            .where(partition.has(told.c.job_id), ~lives)
            .order_by(told.c.job_id)
            .limit(limit)
        )
        gone += connection.execute(sa.delete(told).where(key.in_(some))).rowcount
    return gone


def _drop_whole(connection: Connection, partition: Partition, older_than: float) -> bool:
    """Return False if a job of that day has ended meanwhile, or locks can't be had."""

    def drop() -> bool:
        connection.exec_driver_sql(f"LOCK TABLE ONLY {NAME}")
        if _has_younger(connection, partition, older_than):
            return False
        connection.exec_driver_sql(f"DROP TABLE {_quoted(connection, partition)}")
        return True

    return _briefly(connection, drop)


def _briefly(connection: Connection, work: Callable[[], bool]) -> bool:
    """Return what ``work`` returns; undo it and return False if others' locks or rows are there."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            return work()
    except DBAPIError as error:
        if not is_in_the_way(error):
            raise
        return False


def _quoted(connection: Connection, partition: Partition) -> str:
    return connection.dialect.identifier_preparer.format_table(partition.table)


@cache
def _table(space: str, name: str) -> sa.Table:
    return tables.history.to_metadata(sa.MetaData(), schema=space, name=name)
