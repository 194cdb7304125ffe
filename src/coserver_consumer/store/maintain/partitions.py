"""The history on PostgreSQL: a partition for the jobs that were made on one day.

A UUIDv7 begins with its time, so a range of ids is a day, or several where history is kept for
long. The default partition holds what is in no such range: ids that another program made otherwise,
and days for which there was no partition in time.

See ``make_partitions`` and ``drop_partition``. Neither waits long for its locks, since others would
have to wait behind it: the next time will do as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import assert_never

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.faults import is_in_the_way
from coserver_consumer.store.manage.queries import now
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.types import Id

DAY_MS = 86_400_000  # ids count milliseconds
TABLE_LOCK_TIMEOUT_MS = 500

HISTORY = tables.history.name
ALL_PARTITIONS = """
SELECT nspname, relname, pg_get_expr(relpartbound, part.oid), pg_has_role(relowner, 'USAGE')
FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid
JOIN pg_namespace space ON space.oid = relnamespace
WHERE inhparent = 'coserver_history'::regclass
"""
BOUNDS = re.compile(r"FOR VALUES FROM \('([0-9a-f-]{36})'\) TO \('([0-9a-f-]{36})'\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """The ended jobs whose ids begin with a time from ``start`` on and before ``end``, in ms.

    ``is_ours``: the database's user may drop it. ``space`` is its schema.
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
        return sa.and_(column >= _first_id_in_sql(self.start), column < _first_id_in_sql(self.end))


def has_partitions(engine: Engine) -> bool:
    """Return True if the history on this database has partitions."""
    return _has_partitions(find_family(engine))


def _has_partitions(family: Family) -> bool:
    match family:
        case Family.POSTGRESQL:
            return True
        case Family.SQLITE | Family.MYSQL:
            return False
        case _:
            assert_never(family)


def pruned_singly(connection: Connection, *, older_than: float) -> sa.ColumnElement[bool]:
    """Return the condition for rows of the history that are removed one by one when they are old.

    On PostgreSQL these are the rows of no day, and of days that should have been dropped a day ago:
    a few jobs that ended late keep such a day, or nobody may drop it. The condition goes by ids,
    since the database's user may have rights on the history and none on its partitions.
    """
    if not _has_partitions(find_family(connection)):
        return sa.true()
    late = milliseconds_ago(connection, older_than) - DAY_MS
    days = [each for each in find_days(connection) if each.end > late]
    if not days:
        return sa.true()
    column = tables.history.c.id
    return sa.or_(
        column < _first_id_in_sql(days[0].start), column >= _first_id_in_sql(days[-1].end)
    )


def first_id(milliseconds: int) -> str:
    """Return the lowest id that begins with this time."""
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"


def _first_id_in_sql(milliseconds: int) -> sa.BindParameter[str]:
    """Return that id as a part of the statement, so that its plan leaves partitions out."""
    return sa.bindparam(None, first_id(milliseconds), Id, literal_execute=True)


def find_days(connection: Connection) -> list[Partition]:
    """Return all partitions but the default one, the oldest first."""
    found = []
    for space, name, rule, is_ours in connection.exec_driver_sql(ALL_PARTITIONS):
        if bounds := BOUNDS.fullmatch(rule or ""):  # none: it was dropped this very moment
            start, end = (int(bound.replace("-", "")[:12], 16) for bound in bounds.groups())
            found.append(Partition(space=space, name=name, start=start, end=end, is_ours=is_ours))
    return sorted(found, key=lambda each: each.start)


def find_default(connection: Connection) -> sa.Table:
    """Return the default partition."""
    rows = connection.exec_driver_sql(ALL_PARTITIONS)
    [table] = [_table(space, name) for space, name, rule, _ in rows if rule == "DEFAULT"]
    return table


def milliseconds_ago(connection: Connection, older_than: float) -> int:
    """Return the time that many seconds ago, in milliseconds."""
    return now(connection) // 1000 - round(older_than * 1000)


def has_any(connection: Connection, table: sa.Table, rule: sa.ColumnElement[bool]) -> bool:
    """Return True if a row fulfils the rule."""
    query = sa.select(table.c.id).where(rule).limit(1)
    return connection.execute(query).first() is not None


def with_short_lock_timeout(connection: Connection, work: Callable[[], bool]) -> bool:
    """Return what ``work`` returns.

    Undo it and return False if it would have to wait for others, or rows of others forbid it.
    """
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {TABLE_LOCK_TIMEOUT_MS}")
            return work()
    except DBAPIError as error:
        if not is_in_the_way(error):
            raise
        return False


def quote(connection: Connection, partition: Partition) -> str:
    """Return its name as SQL."""
    return connection.dialect.identifier_preparer.format_table(partition.table)


@cache
def _table(space: str, name: str) -> sa.Table:
    return tables.history.to_metadata(sa.MetaData(), schema=space, name=name)
