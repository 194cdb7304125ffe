"""The statements that take jobs, one queue and one concurrency key at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import Job, State
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.statement import Statement, is_one_of, parameter
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import (
    by_index,
    count_up,
    is_state,
    locked,
    may_still_begin,
)
from coserver_consumer.store.schema.loose_scan import LooseIndexScan
from coserver_consumer.store.schema.rows import live_columns, to_job

Position = tuple[int, str]  # rank and id of a job
BEGINNING: Position = (-(2**63), "00000000-0000-0000-0000-000000000000")


def take(
    connection: Connection,
    *,
    consumer: str,
    queue: str,
    key: str,
    tasks: Sequence[str],
    requirements: Sequence[str],
    start: Position,
    limit: int,
) -> list[Job]:
    """Take the first jobs with this concurrency key ("" for none) behind a position, by rank."""
    wanted = {
        "queue": queue,
        "key": key,
        "tasks": list(tasks),
        "requirements": list(requirements),
        "rank": start[0],
        "after": start[1],
        "limit": limit,
    }
    match family := find_family(connection):
        case Family.SQLITE | Family.POSTGRESQL:
            return _in_order(_update_picked.fetch(connection, consumer=consumer, **wanted))
        case Family.MYSQL:
            return _take_locked(connection, consumer, wanted)
        case _:
            assert_never(family)


_KEYS = LooseIndexScan(
    tables.job.c.concurrency_key,
    "coserver_job_claim",
    is_state(State.READY),
    tables.job.c.queue == parameter("queue"),
)


def position_of(job: Job) -> Position:
    """Return where a search goes on behind the job; see the column ``rank``."""
    return job.run_at - job.priority * tables.MINUTE, job.id


def list_keys(connection: Connection, queue: str, *, after: str, limit: int) -> list[str]:
    """Return the next concurrency keys after this one that jobs of the queue wait with."""
    return _KEYS.after(connection, after, limit=limit, queue=queue)


def _take_locked(connection: Connection, consumer: str, wanted: dict[str, Any]) -> list[Job]:
    """Lock first and update by primary key: MariaDB has neither UPDATE ... RETURNING nor CTEs here.

    READ COMMITTED, so that the locks stay on the rows that are taken.

    While somebody holds a long transaction, jobs that are gone stay in the index, and a read that
    locks takes twenty times as long over each of them as a plain one. So a plain read finds the
    first job and how many there are; the one that locks begins there and looks for no more.
    """
    waiting = _count_waiting.execute(connection, **wanted).one()
    if not waiting.number:
        return []
    wanted = wanted | {"limit": waiting.number}
    if waiting.first > wanted["rank"]:
        wanted |= {"rank": waiting.first, "after": BEGINNING[1]}
    ids = _lock_picked.execute(connection, **wanted).scalars().all()
    if not ids:
        return []
    _update_locked.execute(connection, ids=ids, consumer=consumer)
    return _in_order(_read_locked.fetch(connection, ids=ids))


def _in_order(rows: Sequence[Sequence[Any]]) -> list[Job]:
    return sorted(map(to_job, rows), key=position_of)


def _pick(family: Family, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Return the query for the next jobs of a queue and concurrency key that may run here."""
    job = tables.job.c
    may_run = (
        job.run_at <= Now(),
        may_still_begin(),
        is_one_of(family, job.task, "tasks"),
        sa.or_(job.requires.is_(None), is_one_of(family, job.requires, "requirements")),
    )
    return _waiting(family, *columns).where(*may_run)


def _waiting(family: Family, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Return the query for what waits in a queue with a concurrency key, in order."""
    job = tables.job.c
    query = (
        sa.select(*columns)
        .where(
            is_state(State.READY),
            job.queue == parameter("queue"),
            job.concurrency_key == parameter("key"),
            is_behind(family),
        )
        .order_by(job.rank, job.id)
        .limit(parameter("limit", type_=sa.Integer))
    )
    return by_index(family, query, "coserver_job_claim")


def is_behind(family: Family, suffix: str = "") -> sa.ColumnElement[bool]:
    """Return the condition that a job is behind a position, as the database finds it in the index.

    The parameters are ``rank`` and ``after``, each with the suffix.
    """
    job = tables.job.c
    rank = parameter(f"rank{suffix}", type_=sa.BigInteger)
    after = parameter(f"after{suffix}", type_=job.id.type)
    match family:
        case Family.MYSQL:
            return sa.or_(job.rank > rank, sa.and_(job.rank == rank, job.id > after))
        case Family.SQLITE | Family.POSTGRESQL:
            return sa.tuple_(job.rank, job.id) > sa.tuple_(rank, after)
        case _:
            assert_never(family)


def _changes() -> dict[str, Any]:
    """Return what a claim writes into a row."""
    job = tables.job.c
    return {
        "state": sa.literal_column(f"'{State.RUNNING.value}'"),
        "run": count_up(job.run),
        "attempt": count_up(job.attempt),
        "consumer": parameter("consumer"),
        "started_at": Now(),
        "deadline_at": Now() + sa.cast(job.timeout * SECOND, sa.BigInteger),
        "progress": sa.null(),
        "progress_text": sa.null(),
    }


@Statement
def _update_picked(family: Family) -> sa.Executable:
    """Take jobs in one statement; SQLite's transaction holds the only lock there is.

    PostgreSQL is handed the picked ids as an array: for a join it may read the whole table, since
    it can't know how few they are.
    """
    job = tables.job.c
    update = sa.update(tables.job).values(_changes()).returning(*live_columns())
    picked = locked(family, _pick(family, job.id), skip=True)
    match family:
        case Family.SQLITE:
            return update.where(job.id.in_(picked))
        case Family.POSTGRESQL:
            return update.where(job.id == sa.func.any(sa.func.array(picked.scalar_subquery())))
        case Family.MYSQL:
            raise NotImplementedError("MariaDB locks first; see ``_take_locked``.")
        case _:
            assert_never(family)


@Statement
def _count_waiting(family: Family) -> sa.Executable:
    """Find how many wait with the key, at most so many as are wanted, and the first one's rank."""
    found = _waiting(family, tables.job.c.rank).subquery()
    first = sa.func.min(found.c.rank)
    return sa.select(sa.func.count().label("number"), first.label("first")).select_from(found)


@Statement
def _lock_picked(family: Family) -> sa.Executable:
    return locked(family, _pick(family, tables.job.c.id), skip=True)


@Statement
def _update_locked(family: Family) -> sa.Executable:
    return by_index(family, sa.update(tables.job).where(_is_locked()).values(_changes()))


@Statement
def _read_locked(family: Family) -> sa.Executable:
    return by_index(family, sa.select(*live_columns()).where(_is_locked()))


def _is_locked() -> sa.ColumnElement[bool]:
    return tables.job.c.id.in_(parameter("ids", expanding=True))
