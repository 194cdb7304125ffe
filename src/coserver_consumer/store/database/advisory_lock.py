"""Locks by name: whoever asks for one that somebody else holds waits for it or does without.

| lock | keeps apart | on | waits |
| --- | --- | --- | --- |
| `UPGRADE` | processes that make or change the tables | both | 60 s, then the upgrade fails |
| `PARTITIONS` | processes that make or drop days of the history | PostgreSQL | not at all |
| `LARGE_CLAIMS` | all large claims but two | both | on MariaDB 5 s, then does without |

SQLite needs none: its transaction is the only lock there is.

On PostgreSQL such a lock is a number in a database. It lasts until the transaction ends; whoever
has waited for it for the session's ``lock_timeout`` gets an error. On MariaDB and MySQL it is
a name that all databases of a server share, and knows nothing of transactions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import assert_never

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.store.database.family import Family, find_family


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisoryLock:
    """A lock: its number on PostgreSQL, its name on MariaDB, and how long to wait for it there."""

    number: int
    name: str
    timeout_s: int

    @property
    def name_in_sql(self) -> str:
        """The name with that of the database in it."""
        return f"CONCAT('coserver.', MD5(DATABASE()), '.{self.name}')"


UPGRADE = AdvisoryLock(number=0x636F73657276, name="upgrade", timeout_s=60)
PARTITIONS = AdvisoryLock(number=0x636F7372764A, name="partitions", timeout_s=0)
LARGE_CLAIMS = (
    AdvisoryLock(number=0x636F73727663, name="claim.0", timeout_s=0),
    AdvisoryLock(number=0x636F73727664, name="claim.1", timeout_s=5),
)


@contextmanager
def hold(connection: Connection, *locks: AdvisoryLock) -> Iterator[bool]:
    """Hold one of these locks in here: the first that is free, or the last after some waiting.

    Yields False if none was to be had. On PostgreSQL the lock lasts until the transaction ends; on
    MariaDB it is over at the end of the block, a moment before the commit.
    """
    match family := find_family(connection):
        case Family.SQLITE:
            yield True
        case Family.POSTGRESQL:
            yield bool(connection.execute(_take_on_postgresql(locks)).scalar())
        case Family.MYSQL:
            with _hold_on_mysql(connection, locks) as is_held:
                yield is_held
        case _:
            assert_never(family)


@contextmanager
def _hold_on_mysql(connection: Connection, locks: tuple[AdvisoryLock, ...]) -> Iterator[bool]:
    is_held = bool(connection.execute(_take_on_mysql(locks)).scalar())
    try:
        yield is_held
    finally:
        if not connection.invalidated:  # one that broke has none any more
            connection.execute(_release_on_mysql(locks))


@cache
def _take_on_postgresql(locks: tuple[AdvisoryLock, ...]) -> sa.TextClause:
    tries = [f"pg_try_advisory_xact_lock({lock.number})" for lock in locks]
    if locks[-1].timeout_s:
        tries[-1] = f"pg_advisory_xact_lock({locks[-1].number}) IS NOT NULL"
    return _first_that_works(tries)


@cache
def _take_on_mysql(locks: tuple[AdvisoryLock, ...]) -> sa.TextClause:
    return _first_that_works(
        [f"GET_LOCK({lock.name_in_sql}, {lock.timeout_s}) = 1" for lock in locks]
    )


def _first_that_works(tries: list[str]) -> sa.TextClause:
    """Return the statement that tries one after another and says whether one worked."""
    *others, last = tries
    for one in reversed(others):
        last = f"CASE WHEN {one} THEN true ELSE {last} END"
    return sa.text(f"SELECT {last}")


@cache
def _release_on_mysql(locks: tuple[AdvisoryLock, ...]) -> sa.TextClause:
    released = ", ".join(f"RELEASE_LOCK({lock.name_in_sql})" for lock in locks)
    return sa.text(f"SELECT {released}")
