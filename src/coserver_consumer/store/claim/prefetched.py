"""Prefetched jobs: a consumer has claimed them, and none of its threads has begun them yet.

Most of them need nothing of this: what is short and harmless may be taken for begun. It matters
for a job with a timeout, which counts from the beginning, for one whose consumer has died before,
since only a job that was begun can have killed it, and for one that may expire until it is begun.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import is_state, may_still_begin


def note_prefetched(connection: Connection, job_ids: Collection[str]) -> None:
    """Note that these jobs, which this transaction has claimed, aren't begun yet."""
    if not job_ids:
        return
    prefetched = sa.update(tables.job).where(tables.job.c.id.in_(job_ids))
    connection.execute(prefetched.values(started_at=None, deadline_at=None))


def begin_prefetched(connection: Connection, key: RunKey) -> bool:
    """Note that a prefetched job begins now; return False if it may not.

    Then the run isn't the current one, or the job's moment has passed: it has expired.
    The deadline of one that is to be killed stays as it is: it says so.
    """
    job = tables.job.c
    deadline = Now() + sa.cast(job.timeout * SECOND, sa.BigInteger)
    begun = (
        sa.update(tables.job)
        .where(job.id == key.job_id, job.run == key.run, is_state(State.RUNNING), may_still_begin())
        .values(
            started_at=Now(),
            deadline_at=sa.case((job.cancel_at.is_(None), deadline), else_=job.deadline_at),
        )
    )
    return connection.execute(begun).rowcount == 1
