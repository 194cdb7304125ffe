"""Leases: who runs what, who is alive, and what is taken back from the dead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.model.unavailable import Unavailable, to_json
from coserver_consumer.store.finish.canceller import explain_cancel
from coserver_consumer.store.finish.dependents import end_locked
from coserver_consumer.store.finish.requeue import requeue_lost
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import count_up, is_state, lock


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerInfo:
    """What a consumer says of itself when it starts. ``id`` is random for each start."""

    id: str
    name: str
    hostname: str
    pid: int
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    capabilities: tuple[str, ...]
    threads: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The store's answer: whether the consumer is known, and which of its runs are to stop.

    ``killed`` are those of them that nobody will wait for.
    """

    alive: bool
    cancelled: frozenset[RunKey]
    killed: frozenset[RunKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """What one call of ``rescue`` did: jobs given back, jobs failed, consumers given up."""

    returned: list[RunKey]
    poisoned: list[RunKey]
    consumers: list[str]


def register(connection: Connection, consumer: ConsumerInfo) -> None:
    """Make a consumer known; from now on its heartbeat counts."""
    connection.execute(
        sa.insert(tables.consumer).values(
            id=consumer.id,
            name=consumer.name,
            hostname=consumer.hostname,
            pid=consumer.pid,
            version=consumer.version,
            queues=list(consumer.queues),
            tasks=list(consumer.tasks),
            capabilities=list(consumer.capabilities),
            threads=consumer.threads,
        )
    )


def unregister(connection: Connection, consumer_id: str) -> None:
    """Remove a consumer; what it still holds goes back to its queue, or is cancelled as asked."""
    held = _held_by(tables.job.c.consumer == consumer_id)
    begun, prefetched = _divide(_cancel(connection, lock(connection, held).all()))
    for rows, has_begun in ((begun, True), (prefetched, False)):
        requeue_lost(connection, [row.id for row in rows], rescues=0, has_begun=has_begun)
    connection.execute(sa.delete(tables.consumer).where(tables.consumer.c.id == consumer_id))


def heartbeat(
    connection: Connection,
    consumer_id: str,
    *,
    running: int = 0,
    unavailable: Iterable[Unavailable] = (),
) -> Heartbeat:
    """Renew the leases of a consumer. ``alive`` False: it was given up and must register anew.

    ``unavailable`` is what it can't do at the moment.
    """
    beat = (
        sa.update(tables.consumer)
        .where(tables.consumer.c.id == consumer_id)
        .values(heartbeat_at=Now(), running=running, unavailable=to_json(unavailable))
    )
    alive = connection.execute(beat).rowcount == 1
    job = tables.job.c
    to_stop = sa.select(job.id, job.run, job.deadline_at <= job.cancel_at).where(
        job.consumer == consumer_id, is_state(State.RUNNING), job.cancel_at.is_not(None)
    )
    asked = {RunKey(job_id, run): at_once for job_id, run, at_once in connection.execute(to_stop)}
    killed = frozenset(key for key, at_once in asked.items() if at_once)
    return Heartbeat(alive=alive, cancelled=frozenset(asked), killed=killed)


def has_dead(connection: Connection, *, dead_after: float = 45) -> bool:
    """Return True if a consumer is dead, or a job is held by one that nobody knows any more."""
    job, consumer = tables.job.c, tables.consumer.c
    dead = sa.select(consumer.id).where(_is_dead(dead_after))
    known = sa.select(consumer.id).where(consumer.id == job.consumer)
    lost = sa.select(job.id).where(job.consumer.is_not(None), is_state(State.RUNNING))
    query = sa.select(sa.or_(dead.exists(), lost.where(~known.exists()).exists()))
    return bool(connection.execute(query).scalar())


def rescue(
    connection: Connection,
    *,
    dead_after: float = 45,
    max_rescues: int = 3,
    limit: int = 100,
) -> Rescue:
    """Take up to ``limit`` jobs back from consumers without a heartbeat for ``dead_after`` seconds.

    A job gets a new run, so that its old attempt can't end it, and the attempt isn't counted. At
    its ``max_rescues``-th rescue it fails: it seems to kill its consumers. One that was
    prefetched and never begun can't have done that.
    """
    dead = _is_dead(dead_after)
    alive = sa.select(tables.consumer.c.id).where(~dead)
    held = _held_by(tables.job.c.consumer.not_in(alive)).limit(limit)
    returned, poisoned = _rescue_held(connection, held, max_rescues)
    return Rescue(returned=returned, poisoned=poisoned, consumers=_give_up(connection, dead))


def rescue_from(
    connection: Connection, consumer_ids: Sequence[str], *, max_rescues: int = 3
) -> Rescue:
    """Do as ``rescue`` for consumers whose end somebody has seen, without waiting for silence."""
    held = _held_by(tables.job.c.consumer.in_(consumer_ids))
    returned, poisoned = _rescue_held(connection, held, max_rescues)
    gone = _give_up(connection, tables.consumer.c.id.in_(consumer_ids))
    return Rescue(returned=returned, poisoned=poisoned, consumers=gone)


def _rescue_held(
    connection: Connection, held: sa.Select[Any], max_rescues: int
) -> tuple[list[RunKey], list[RunKey]]:
    """Take these jobs back; return the runs that were given back, and those that have failed.

    Those that somebody has cancelled don't come back.
    """
    rows = _cancel(connection, lock(connection, held, skip=True).all())
    begun, prefetched = _divide(rows)
    poisoned = [row for row in begun if row.rescues + 1 >= max_rescues]
    returned = [row for row in begun if row.rescues + 1 < max_rescues]
    requeue_lost(connection, [row.id for row in prefetched], rescues=0, has_begun=False)
    requeue_lost(connection, [row.id for row in returned], rescues=1, has_begun=True)
    _fail_poisoned(connection, [row.id for row in poisoned], max_rescues)
    return (
        [RunKey(row.id, row.run) for row in prefetched + returned],
        [RunKey(row.id, row.run) for row in poisoned],
    )


def _divide(rows: Sequence[sa.Row[Any]]) -> tuple[list[sa.Row[Any]], list[sa.Row[Any]]]:
    """Return the jobs that were begun, and those that were only prefetched."""
    begun = [row for row in rows if row.started_at is not None]
    return begun, [row for row in rows if row.started_at is None]


def _is_dead(dead_after: float) -> sa.ColumnElement[bool]:
    return tables.consumer.c.heartbeat_at < Now() - round(dead_after * SECOND)


def _held_by(holder: sa.ColumnElement[bool]) -> sa.Select[Any]:
    job = tables.job.c
    return sa.select(job.id, job.run, job.rescues, job.started_at, job.cancel_at).where(
        job.consumer.is_not(None), is_state(State.RUNNING), holder
    )


def _cancel(connection: Connection, rows: Sequence[sa.Row[Any]]) -> list[sa.Row[Any]]:
    """End the jobs that somebody has cancelled; return the others."""
    for job_id in [row.id for row in rows if row.cancel_at is not None]:
        reason = f"{explain_cancel(connection, job_id)}; its consumer ended meanwhile"
        end_locked(connection, [job_id], state=State.CANCELLED, error=reason)
    return [row for row in rows if row.cancel_at is None]


def _fail_poisoned(connection: Connection, job_ids: list[str], rescues: int) -> None:
    if job_ids:
        reason = f"Its consumer died {rescues} times while it ran; it isn't run again by itself."
        last = sa.update(tables.job).where(tables.job.c.id.in_(job_ids))
        connection.execute(last.values(rescues=count_up(tables.job.c.rescues)))
        end_locked(connection, job_ids, state=State.FAILED, error=reason)


def _give_up(connection: Connection, dead: sa.ColumnElement[bool]) -> list[str]:
    """Remove the dead consumers that hold nothing any more; return their ids."""
    consumer, job = tables.consumer.c, tables.job.c
    holds = sa.select(job.id).where(job.consumer == consumer.id).exists()
    query = sa.select(consumer.id).where(dead, ~holds)
    ids = list(lock(connection, query, skip=True).scalars())
    if ids:
        connection.execute(sa.delete(tables.consumer).where(consumer.id.in_(ids)))
    return ids
