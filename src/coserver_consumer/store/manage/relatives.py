"""The jobs around one: those that wait for it; and what people did to it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import Job
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.rows import live_columns, to_any_job

NEWEST_PRESSES = 10_000  # of all jobs, among which those of one are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What somebody did to a job; ``at`` is in microseconds since the epoch."""

    who: str | None
    action: str
    at: int


def children(connection: Connection, job_id: str, *, limit: int = 50) -> list[Job]:
    """Return the live jobs that still wait for a job, the oldest first."""
    dependency = tables.dependency.c
    waiting = sa.select(dependency.job_id).where(dependency.parent_id == job_id)
    query = sa.select(*live_columns()).where(tables.job.c.id.in_(waiting))
    oldest = query.order_by(tables.job.c.id).limit(limit)
    return [to_any_job(row) for row in connection.execute(oldest)]


def presses(connection: Connection, job_id: str) -> list[Press]:
    """Return what people did to a job, the first press first.

    They are looked for among the newest of all presses, which are in the order of their numbers.
    """
    row = tables.audit.c
    newest = sa.select(sa.func.max(row.id)).scalar_subquery()
    query = sa.select(row.who, row.action, row.at).where(
        row.id > newest - NEWEST_PRESSES, row.job_id == job_id
    )
    found = connection.execute(query.order_by(row.id)).mappings()
    return [Press(**press) for press in found]
