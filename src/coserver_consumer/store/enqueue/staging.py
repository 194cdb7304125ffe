"""What becomes of the jobs that a transaction staged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.indoubt import Fate
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.store.database.family import Family
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.enqueue.dependencies import repoint, resolve_missed
from coserver_consumer.store.enqueue.enqueue import add_many, stage
from coserver_consumer.store.enqueue.insert import refuse_live
from coserver_consumer.store.enqueue.unique_keys import RELEASED, expire_later
from coserver_consumer.store.finish.dependents import DUE_STATE, cancel_unneeded, end_locked
from coserver_consumer.store.finish.expire import expire_if_overdue
from coserver_consumer.store.finish.history import revive_if_fit
from coserver_consumer.store.finish.results import cap_error
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND
from coserver_consumer.store.schema.fragments import commit_async, is_state, lock
from coserver_consumer.store.schema.merging import as_merged

RESTORED = "Its request isn't in the ZODB, which seems to have been restored from a backup."


def add_all(connection: Connection, jobs: Iterable[NewJob], *, max_payload: int) -> None:
    """Queue the jobs of a transaction, whose ids somebody knows already.

    One whose unique key another job holds goes into the history, where its id leads to that one. So
    the id must be its own: raises ``InvalidJob`` if a live job has it, with the same key or not.
    """
    new = list(jobs)
    keyed = [job for job in new if job.options.unique is not None]
    refuse_live(connection, [job.id for job in keyed if job.options.id is not None])
    made = add_many(connection, new, max_payload=max_payload)
    ids = {job.id: holder for job, holder in zip(new, made, strict=True)}
    merged = [job for job in new if ids[job.id] != job.id]
    if not merged:
        return
    alone = [
        replace(job, options=job.options.change(after=()), only_if_failed=False) for job in merged
    ]
    stage(connection, alone, batch=new_id(), evidence={}, max_payload=max_payload)
    for job in merged:
        end_locked(connection, [job.id], **as_merged(ids[job.id]))


def promote(connection: Connection, batch: str, *, tid: int | None) -> int:
    """Let the jobs of a committed transaction run; return how many.

    ``tid`` is the ZODB transaction's id as a number: no job of the batch reads an older database.
    Jobs that were taken for dropped come back. A job whose unique key is held by another live job
    ends as cancelled.
    """
    dropped = _find_dropped(connection, batch)
    resolve_missed(connection, [job_id for job_id in dropped if _restage(connection, job_id)])
    _cancel_duplicates(connection, batch)
    cancel_unneeded(connection, batch)
    return promote_staged(connection, batch, tid=tid)


def _restage(connection: Connection, job_id: str) -> bool:
    """Let a dropped job be staged again; return False if the database doesn't take its row.

    Other programs may have written such a row into the history. It is unknown then, with the
    reason as its error.
    """
    why = revive_if_fit(connection, job_id, state=State.STAGED)
    if why is not None:
        ended = sa.update(tables.history).where(tables.history.c.id == job_id)
        connection.execute(ended.values(state=State.UNKNOWN.value, error=cap_error(why)))
    return why is None


def promote_staged(connection: Connection, batch: str, *, tid: int | None) -> int:
    """Do as ``promote`` in one statement; 0 if the batch was dropped.

    It must be one without unique keys and without jobs that wait for others.
    """
    return _promote.execute(connection, batch=batch, tid=tid).rowcount


def drop_staged(connection: Connection, batch: str) -> int:
    """End the staged jobs of a transaction that never committed; return how many.

    A job that bears the transaction's id was ready before: the ZODB was restored without it.
    """
    lost = _end_staged(connection, batch, State.DROPPED, RESTORED, tables.job.c.tid.is_not(None))
    return lost + _end_staged(connection, batch, State.DROPPED, "Its request never committed.")


def abandon_staged(connection: Connection, batch: str, *, fate: Fate = Fate.PACKED) -> int:
    """End the staged jobs of a transaction as unknown, since nobody can tell whether it committed.

    Returns how many they are.
    """
    reason = f"Whether its request committed can't be told: {fate.why}."
    return _end_staged(connection, batch, State.UNKNOWN, reason)


def _end_staged(
    connection: Connection,
    batch: str,
    state: State,
    reason: str,
    *conditions: sa.ColumnElement[bool],
) -> int:
    job = tables.job.c
    query = sa.select(job.id).where(job.batch == batch, is_state(State.STAGED), *conditions)
    ids = lock(connection, query).scalars().all()
    if ids:
        end_locked(connection, ids, state=state, error=reason)
    return len(ids)


@Statement
def _promote(family: Family) -> sa.Executable:
    """Return what is sent while the ZODB's client waits."""
    return (
        sa.update(tables.job)
        .where(
            tables.job.c.batch == parameter("batch"),
            is_state(State.STAGED),
            *commit_async(family),
        )
        .values(state=DUE_STATE, tid=parameter("tid", type_=sa.BigInteger))
    )


def _cancel_duplicates(connection: Connection, batch: str) -> None:
    """End the staged jobs whose unique key is held, by an earlier one of theirs or by others."""
    keys = _find_keys(connection, batch)
    if not keys:
        return
    held, recent = _lock_holders(connection, batch), _find_recent_holders(connection, batch)
    first: dict[str, str] = {}
    for job_id, key, expires_at in keys:
        holder_id = held.get(job_id) or first.get(key) or recent.get(job_id)
        if holder_id is None:
            first[key] = job_id
            continue
        expire_later(connection, holder_id, expires_at)
        repoint(connection, job_id, holder_id)
        end_locked(connection, [job_id], **as_merged(holder_id))


def _find_keys(connection: Connection, batch: str) -> Sequence[Any]:
    """Return id, unique key and ``expires_at`` of staged jobs that have a key, the first first."""
    job = tables.job.c
    query = sa.select(job.id, job.unique_key, job.expires_at).where(
        job.batch == batch, is_state(State.STAGED), job.unique_key.is_not(None)
    )
    return connection.execute(query.order_by(job.id)).all()


def _lock_holders(connection: Connection, batch: str) -> dict[str, str]:
    """Return the jobs whose key another live job holds, and that one, which goes on holding it.

    One that lets its key go now, ended or claimed, may not have seen what these are about. One that
    is overdue ends as expired.
    """
    while found := _find_holders(connection, batch):
        if expire_if_overdue(connection, set(found.values())):
            continue
        job = tables.job.c
        query = sa.select(job.id).where(job.id.in_(found.values()), job.held_key.is_not(None))
        if set(lock(connection, query.order_by(job.id)).scalars()) == set(found.values()):
            break
    return found


def _find_holders(connection: Connection, batch: str) -> dict[str, str]:
    holder = tables.job.alias("holder")
    query = (
        sa.select(tables.job.c.id, holder.c.id.label("holder"))
        .join(holder, holder.c.held_key == tables.job.c.unique_key)
        .where(tables.job.c.batch == batch, is_state(State.STAGED))
    )
    return {row.id: row.holder for row in connection.execute(query)}


def _find_recent_holders(connection: Connection, batch: str) -> dict[str, str]:
    """Return the jobs whose key is held for a period, and the last job that was made in it."""
    job, ended = tables.job.c, tables.history.c
    query = (
        sa.select(job.id, ended.id.label("holder"))
        .join(tables.history, ended.unique_key == job.unique_key)
        .where(
            job.batch == batch,
            is_state(State.STAGED),
            job.unique_for > 0,
            ended.created_at > job.created_at - sa.cast(job.unique_for * SECOND, sa.BigInteger),
            ended.state.not_in(RELEASED),
        )
        .order_by(ended.created_at, ended.id)
    )
    return {row.id: row.holder for row in connection.execute(query)}


def _find_dropped(connection: Connection, batch: str) -> Any:
    query = sa.select(tables.history.c.id).where(
        tables.history.c.batch == batch,
        tables.history.c.state == sa.literal_column("'dropped'"),
    )
    return connection.execute(query).scalars().all()
