"""Making partitions of the history for the coming days.

Each time it locks the default partition only, which is read for rows of those days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.store.database.advisory_lock import PARTITIONS, hold
from coserver_consumer.store.maintain.partitions import (
    DAY_MS,
    HISTORY,
    Partition,
    find_days,
    find_default,
    first_id,
    has_any,
    quote,
    with_short_lock_timeout,
)
from coserver_consumer.store.manage.queries import now

MADE_AHEAD_MS = 7 * DAY_MS
MAX_KEPT_PARTITIONS = 30  # about; a query that can't tell the day locks all of them
MAY_MAKE = """
SELECT pg_has_role(relowner, 'USAGE') AND has_schema_privilege(relnamespace, 'CREATE')
FROM pg_class WHERE oid = 'coserver_history'::regclass
"""


def may_make_partitions(connection: Connection) -> bool:
    """Return True if the database's user may add tables to the history."""
    return bool(connection.exec_driver_sql(MAY_MAKE).scalar())


def make_partitions(connection: Connection, *, keep_days: float) -> list[str]:
    """Make the partitions of the next days that have none; return their names.

    A day that has rows in the default partition stays there. Nothing is made while another process
    makes partitions, or holds what would have to be locked.
    """
    with hold(connection, PARTITIONS) as is_held:
        if not is_held:
            return []
        coming = _find_coming(connection, keep_days)
        made = with_short_lock_timeout(connection, lambda: _make(connection, coming))
        return [each.name for each in coming] if made else []


def _find_coming(connection: Connection, keep_days: float) -> list[Partition]:
    """Return the next days that have neither a partition nor rows in the default one."""
    rest = find_default(connection)
    wide = DAY_MS * max(1, ceil(keep_days / MAX_KEPT_PARTITIONS))
    today = now(connection) // 1000 // DAY_MS * DAY_MS
    start = max([today, *(each.end for each in find_days(connection))])
    starts = range(start, today + MADE_AHEAD_MS, wide)
    days = [_to_partition(rest, start, start + wide) for start in starts]
    return [each for each in days if not has_any(connection, rest, each.has(rest.c.id))]


def _to_partition(rest: sa.Table, start: int, end: int) -> Partition:
    day = datetime.fromtimestamp(start / 1000, tz=UTC)
    return Partition(space=str(rest.schema), name=f"{HISTORY}_{day:%Y%m%d}", start=start, end=end)


def _make(connection: Connection, coming: Sequence[Partition]) -> bool:
    """Make all tables first: from then on the default partition is locked."""
    for each in coming:
        connection.exec_driver_sql(
            f"CREATE TABLE {quote(connection, each)} (LIKE {HISTORY} INCLUDING ALL)"
        )
    for each in coming:
        connection.exec_driver_sql(
            f"ALTER TABLE {HISTORY} ATTACH PARTITION {quote(connection, each)}"
            f" FOR VALUES FROM ('{first_id(each.start)}') TO ('{first_id(each.end)}')"
        )
    return True
