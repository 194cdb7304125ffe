"""Who did what to jobs, queues and keys."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.store.schema import tables


def audit(
    connection: Connection,
    action: str,
    *,
    who: str | None,
    job_id: str | None = None,
    queue: str | None = None,
    key_name: str | None = None,
) -> None:
    """Keep that somebody did something to a job, a queue or a key."""
    row = {"who": who, "action": action, "job_id": job_id, "queue": queue, "key_name": key_name}
    connection.execute(sa.insert(tables.audit).values(row))


def audit_all(
    connection: Connection,
    action: str,
    *,
    who: str | None,
    job_ids: Iterable[str],
    queue: str | None = None,
) -> None:
    """Do as ``audit`` for each of the jobs, in one statement."""
    rows = [{"who": who, "action": action, "job_id": job_id, "queue": queue} for job_id in job_ids]
    if rows:
        connection.execute(sa.insert(tables.audit), rows)
