"""Keys that only one job may hold.

A unique index of the live jobs keeps them apart, whoever adds them. A key that is held for a period
outlives its job: then the history is asked as well.
"""

from __future__ import annotations

from typing import Any, TypeVar, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.job import State
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import insert_unless_there

T = TypeVar("T", bound=tuple[Any, ...])

# A job that ends so releases its key: it has done nothing that mustn't be done again.
RELEASED = (State.DROPPED.value, State.CANCELLED.value)


def insert_keyed(connection: Connection, row: dict[str, Any]) -> str:
    """Insert a row unless its key is held; return the id of the job that holds the key now.

    Raises ``InvalidJob`` for a job that was added before and holds its key no more.
    """
    while True:  # the one that stood in the way may have ended meanwhile
        insert_unless_there(connection, tables.job, row)
        holder = find_holder(connection, row["unique_key"])
        if holder == row["id"] and row["unique_for"]:
            return _yield_to_earlier(connection, row)
        if holder is not None:
            return holder
        if _is_live(connection, row["id"]):
            raise InvalidJob(f"A job can be queued once, and {row['id']} was queued before.")


def _is_live(connection: Connection, job_id: str) -> bool:
    query = sa.select(tables.job.c.id).where(tables.job.c.id == job_id)
    return connection.execute(_read_committed(connection, query)).first() is not None


def find_holder(connection: Connection, unique_key: str) -> str | None:
    """Return the id of the live job that holds the key."""
    query = sa.select(tables.job.c.id).where(tables.job.c.held_key == unique_key)
    return connection.execute(_read_committed(connection, query)).scalar()


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
