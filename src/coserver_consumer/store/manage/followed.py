"""What has become of the jobs that a job came after."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import Job, is_id
from coserver_consumer.store.manage.queries import find_by_ids
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.merging import find_other


def find_followed(connection: Connection, job_id: str) -> list[tuple[str, Job | None]]:
    """Return the jobs that a live job was queued to come after, in that order, with their ids.

    For one that was merged into another, that other one. None for one that was pruned.
    """
    query = sa.select(tables.job.c.parents).where(tables.job.c.id == job_id)
    parents = _read_ids(connection.execute(query).scalar())
    found = find_by_ids(connection, parents)
    while others := {other for job in found.values() if (other := find_other(job))} - found.keys():
        more = find_by_ids(connection, others)
        found |= more
        if not more:
            break
    return [(each, _follow(found, each)) for each in parents]


def _read_ids(written: Any) -> list[str]:
    """Return the ids of a row's column, which any program may have written."""
    return [each for each in written if is_id(each)] if isinstance(written, list) else []


def _follow(found: dict[str, Job], job_id: str) -> Job | None:
    """Return the job that does the work of the one with this id."""
    job, seen = found.get(job_id), {job_id}
    while job and (other := find_other(job)) and other not in seen:
        seen.add(other)
        job = found.get(other)
    return job
