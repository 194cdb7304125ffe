"""Keys that only one job may hold.

A unique index of the live jobs keeps them apart, whoever adds them. A key that is held for a period
outlives its job: then the history is asked as well.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.job import State
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.finish.expire import expire_if_overdue, is_overdue
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import insert_unless_there

T = TypeVar("T", bound=tuple[Any, ...])

# A job that ends so releases its key: it has done nothing that mustn't be done again.
RELEASED = (State.DROPPED.value, State.CANCELLED.value, State.EXPIRED.value)


def insert_keyed(connection: Connection, row: dict[str, Any]) -> str:
    """Insert a row unless its key is held; return the id of the job that holds the key now.

    Raises ``InvalidJob`` for a job that was added before and holds its key no more.
    """
    while True:  # the one that stood in the way may have ended meanwhile
        insert_unless_there(connection, tables.job, row)
        holder = find_holder(connection, row["unique_key"])
        if holder is not None and holder.id == row["id"]:
            return _yield_to_earlier(connection, row) if row["unique_for"] else holder.id
        if holder is not None:
            if _take_over(connection, holder, row.get("expires_at")):
                return holder.id
        elif _is_live(connection, row["id"]):
            raise InvalidJob(f"A job can be queued once, and {row['id']} was queued before.")


def _is_live(connection: Connection, job_id: str) -> bool:
    query = sa.select(tables.job.c.id).where(tables.job.c.id == job_id)
    return connection.execute(_read_committed(connection, query)).first() is not None


class Holder(NamedTuple):
    """The live job that holds a key, and when it expires; None: never."""

    id: str
    expires_at: int | None


def find_holder(connection: Connection, unique_key: str) -> Holder | None:
    """Return the job that holds the key; one that is overdue is ended as expired instead."""
    job = tables.job.c
    query = sa.select(job.id, job.expires_at, is_overdue()).where(job.held_key == unique_key)
    found = connection.execute(_read_committed(connection, query)).one_or_none()
    if found is None or (found[-1] and expire_if_overdue(connection, [found.id])):
        return None
    return Holder(found.id, found.expires_at)


def _take_over(connection: Connection, holder: Holder, expires_at: int | None) -> bool:
    """Have the holder do the work of a job that expires then; return False if it has ended."""
    is_late_enough = expires_at is not None and (holder.expires_at or 0) >= expires_at
    if holder.expires_at is None or is_late_enough:
        return True
    return expire_later(connection, holder.id, expires_at)


def expire_later(connection: Connection, job_id: str, expires_at: int | None) -> bool:
    """Let a job expire no sooner than then, None: never; return True if that changed anything."""
    job = tables.job.c
    is_sooner = job.expires_at.is_not(None) if expires_at is None else job.expires_at < expires_at
    later = sa.update(tables.job).where(job.id == job_id, is_sooner)
    return connection.execute(later.values(expires_at=expires_at)).rowcount == 1


def _read_committed(connection: Connection, query: sa.Select[T]) -> sa.Select[T]:
    """Have MariaDB read what is committed now, whatever the caller's transaction can see.

    In REPEATABLE READ an INSERT yields to a row that a plain SELECT doesn't find. It has locked
    the row already, so this locks nothing more.
    """
    match family := find_family(connection):
        case Family.MYSQL:
            return query.with_for_update(read=True)
        case Family.SQLITE | Family.POSTGRESQL:
            return query
        case _:
            assert_never(family)


def find_recent(connection: Connection, unique_key: str, period: float) -> str | None:
    """Return the id of the last ended job with the key that was made in these seconds."""
    ended = tables.history.c
    query = (
        sa.select(ended.id)
        .where(
            ended.unique_key == unique_key,
            ended.created_at > Now() - round(period * SECOND),
            ended.state.not_in(RELEASED),
        )
        .order_by(ended.created_at.desc(), ended.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar()


def _yield_to_earlier(connection: Connection, row: dict[str, Any]) -> str:
    """Return the id of an ended job that still holds the key, the new row removed, or the row's."""
    earlier = find_recent(connection, row["unique_key"], row["unique_for"])
    if earlier is None:
        return str(row["id"])
    connection.execute(sa.delete(tables.job).where(tables.job.c.id == row["id"]))
    return earlier
