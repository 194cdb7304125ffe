"""Claims: which jobs a consumer may run next. No job is ever handed to two consumers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.job import Job, State
from coserver_consumer.store import schema
from coserver_consumer.store.clock import SECOND, Now, family
from coserver_consumer.store.rows import live_columns, split_names, to_job
from coserver_consumer.store.sql import is_state, locked


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a claim looks for in one queue."""

    queue: str
    tasks: Sequence[str]
    requirements: Sequence[str]
    limit: int


def claim(
    connection: Connection,
    *,
    consumer: str,
    queues: Sequence[str],
    tasks: Sequence[str],
    limit: int,
    capabilities: Sequence[str] = (),
) -> list[Job]:
    """Take up to ``limit`` ready jobs and return them, now running, in the order of their rank.

    Queues are looked at in the order given. Only jobs whose task is among ``tasks`` and whose
    requirements are among ``capabilities`` are taken. The attempt is counted at once.
    """
    if limit < 1 or not tasks:
        return []
    take = _TAKE[family(connection.dialect.name)]
    requirements = _find_requirements(connection, capabilities) if capabilities else []
    jobs: list[Job] = []
    for queue in queues:
        wanted = Wanted(
            queue=queue, tasks=tasks, requirements=requirements, limit=limit - len(jobs)
        )
        jobs += take(connection, consumer, wanted)
        if len(jobs) == limit:
            break
    return jobs


def _find_requirements(connection: Connection, capabilities: Sequence[str]) -> list[str]:
    """Return the combinations that ready jobs ask for and that these capabilities fulfil."""
    column = schema.job.c.requires
    query = sa.select(column).where(is_state(State.READY), column.is_not(None)).distinct()
    asked = connection.execute(query).scalars().all()
    return [text for text in asked if text and set(split_names(text)) <= set(capabilities)]


def _pick(wanted: Wanted, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Return the query for the jobs that are next in a queue."""
    job = schema.job.c
    return (
        sa.select(*columns)
        .where(
            is_state(State.READY),
            job.queue == wanted.queue,
            job.run_at <= Now(),
            job.task.in_(wanted.tasks),
            sa.or_(job.requires.is_(None), job.requires.in_(wanted.requirements)),
        )
        .order_by(job.rank, job.id)
        .limit(wanted.limit)
    )


def _changes(consumer: str) -> dict[str, Any]:
    """Return what a claim writes into a row."""
    job = schema.job.c
    return {
        "state": State.RUNNING.value,
        "run": job.run + 1,
        "attempt": job.attempt + 1,
        "consumer": consumer,
        "started_at": Now(),
        "deadline_at": Now() + sa.cast(job.timeout * SECOND, sa.BigInteger),
        "progress": None,
        "progress_text": None,
    }


def _take_on_postgresql(connection: Connection, consumer: str, wanted: Wanted) -> list[Job]:
    picked = _pick(wanted, schema.job.c.id).with_for_update(skip_locked=True).cte("picked")
    statement = (
        sa.update(schema.job)
        .where(schema.job.c.id == picked.c.id)
        .values(_changes(consumer))
        .returning(schema.job.c.rank, *live_columns())
    )
    return _in_order(connection.execute(statement))


def _take_on_sqlite(connection: Connection, consumer: str, wanted: Wanted) -> list[Job]:
    statement = (
        sa.update(schema.job)
        .where(schema.job.c.id.in_(_pick(wanted, schema.job.c.id)))
        .values(_changes(consumer))
        .returning(schema.job.c.rank, *live_columns())
    )
    return _in_order(connection.execute(statement))


def _take_on_mysql(connection: Connection, consumer: str, wanted: Wanted) -> list[Job]:
    """Lock first and update by primary key: MariaDB has neither UPDATE ... RETURNING nor CTEs here.

    READ COMMITTED, so that the locks stay on the rows that are taken.
    """
    picked = locked(connection, _pick(wanted, schema.job.c.id), skip=True)
    ids = connection.execute(picked).scalars().all()
    if not ids:
        return []
    of_ids = schema.job.c.id.in_(ids)
    connection.execute(sa.update(schema.job).where(of_ids).values(_changes(consumer)))
    return _in_order(
        connection.execute(sa.select(schema.job.c.rank, *live_columns()).where(of_ids))
    )


def _in_order(result: sa.CursorResult[Any]) -> list[Job]:
    rows = [dict(row) for row in result.mappings()]
    rows.sort(key=lambda row: (row.pop("rank"), row["id"]))
    return [to_job(row) for row in rows]


_TAKE = {
    "postgresql": _take_on_postgresql,
    "sqlite": _take_on_sqlite,
    "mysql": _take_on_mysql,
}
