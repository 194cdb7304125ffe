"""What becomes of the jobs that a transaction staged."""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.job import State
from coserver_consumer.store import schema
from coserver_consumer.store.clock import Now
from coserver_consumer.store.history import move_to_history, revive
from coserver_consumer.store.sql import is_state, lazily, locked

DUE_STATE = sa.case((schema.job.c.run_at > Now(), State.SCHEDULED.value), else_=State.READY.value)


def promote(connection: Connection, batch: str, *, tid: int | None) -> int:
    """Let the jobs of a committed transaction run; return how many.

    ``tid`` is the ZODB transaction's id as a number: no job of the batch reads an older database.
    Jobs that were taken for dropped come back. A job whose unique key is held by another live job
    ends as cancelled.
    """
    revive(connection, _dropped(connection, batch), state=State.STAGED)
    _cancel_duplicates(connection, batch)
    return promote_staged(connection, batch, tid=tid)


def promote_staged(connection: Connection, batch: str, *, tid: int | None) -> int:
    """Do as ``promote`` in one statement, for a batch without unique keys; 0 if it was dropped."""
    statement = _promotion(connection.dialect.name)
    return connection.execute(statement, {"b_batch": batch, "b_tid": tid}).rowcount


def drop(connection: Connection, batch: str) -> int:
    """End the staged jobs of a transaction that never committed; return how many."""
    return _end_staged(connection, batch, State.DROPPED, "Its request never committed.")


def forsake(connection: Connection, batch: str) -> int:
    """End the staged jobs of a transaction whose evidence is gone as unknown; return how many."""
    reason = "Whether its request committed can't be told: the ZODB was packed meanwhile."
    return _end_staged(connection, batch, State.UNKNOWN, reason)


def _end_staged(connection: Connection, batch: str, state: State, reason: str) -> int:
    query = sa.select(schema.job.c.id).where(schema.job.c.batch == batch, is_state(State.STAGED))
    ids = connection.execute(locked(connection, query)).scalars().all()
    if ids:
        move_to_history(connection, ids, state=state, error=reason)
    return len(ids)


@cache
def _promotion(dialect: str) -> sa.Update:
    """Return the statement, built once: it is sent while the ZODB's client waits."""
    return (
        sa.update(schema.job)
        .where(
            schema.job.c.batch == sa.bindparam("b_batch"),
            is_state(State.STAGED),
            *lazily(dialect),
        )
        .values(state=DUE_STATE, tid=sa.bindparam("b_tid", type_=sa.BigInteger))
    )


def _cancel_duplicates(connection: Connection, batch: str) -> None:
    """End the staged jobs whose unique key another live job holds, or an earlier one of theirs."""
    holder = schema.job.alias("holder")
    held = (
        sa.select(schema.job.c.id, holder.c.id.label("holder"))
        .join(holder, holder.c.held_key == schema.job.c.unique_key)
        .where(schema.job.c.batch == batch, is_state(State.STAGED))
    )
    duplicates = {row.id: row.holder for row in connection.execute(held)}
    for job_id, holder_id in (duplicates | _twins(connection, batch)).items():
        reason = f"Job {holder_id} holds the same unique key."
        move_to_history(connection, [job_id], state=State.CANCELLED, error=reason)


def _twins(connection: Connection, batch: str) -> dict[str, str]:
    """Return the jobs of the batch whose key an earlier job of the same batch has."""
    query = (
        sa.select(schema.job.c.id, schema.job.c.unique_key)
        .where(
            schema.job.c.batch == batch,
            is_state(State.STAGED),
            schema.job.c.unique_key.is_not(None),
        )
        .order_by(schema.job.c.id)
    )
    first: dict[str, str] = {}
    twins: dict[str, str] = {}
    for job_id, key in connection.execute(query):
        if first.setdefault(key, job_id) != job_id:
            twins[job_id] = first[key]
    return twins


def _dropped(connection: Connection, batch: str) -> Any:
    query = sa.select(schema.history.c.id).where(
        schema.history.c.batch == batch,
        schema.history.c.state == sa.literal_column("'dropped'"),
    )
    return connection.execute(query).scalars().all()
