"""Unroutable jobs, which would wait for ever since no consumer serves a queue of that name."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import State
from coserver_consumer.model.queue_name import unknown_queue
from coserver_consumer.store.finish.dependents import end_locked
from coserver_consumer.store.manage.queues import queues
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import is_state, lock
from coserver_consumer.store.schema.loose_scan import READY_QUEUES

UNROUTABLE_AFTER_S = 60.0  # a consumer that starts makes the queues known that it serves
ADVICE = (
    "Then run this job again with `coserver jobs retry` and its id. If the name is wrong, correct "
    "it where the job is queued."
)


def fail_unroutable(
    connection: Connection, *, older_than: float = UNROUTABLE_AFTER_S, limit: int = 1000
) -> dict[str, list[str]]:
    """Fail up to ``limit`` ready jobs whose queue is unknown, with a text that says what to do.

    They have been due for ``older_than`` seconds. Returns their ids by the names of the queues.
    Only another program can have written such: ``Client`` and Plone refuse an unknown queue.
    """
    failed: dict[str, list[str]] = {}
    left = limit
    for name in list(READY_QUEUES.all(connection)):
        ids = _find_unroutable(connection, name, older_than, left) if left else []
        if ids:
            error = f"{unknown_queue(name, queues(connection))} {ADVICE}"
            end_locked(connection, ids, state=State.FAILED, error=error)
            failed[name] = ids
            left -= len(ids)
    return failed


def _find_unroutable(connection: Connection, name: str, older_than: float, limit: int) -> list[str]:
    """Return the ids of the queue's ready jobs, none if the queue is known.

    The database compares the names: MariaDB holds `Mail` and `mail` for the same, also in a claim.
    """
    job = tables.job.c
    known = sa.select(tables.queue.c.name).where(tables.queue.c.name == name)
    long_ago = Now() - round(older_than * SECOND)
    query = (
        sa.select(job.id)
        .where(
            is_state(State.READY),
            job.queue == name,
            job.run_at < long_ago,
            job.created_at < long_ago,
            ~known.exists(),
        )
        .order_by(job.rank, job.id)
        .limit(limit)
    )
    return list(lock(connection, query, skip=True).scalars())
