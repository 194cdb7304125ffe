"""Unroutable jobs, which would wait for ever since no consumer serves a queue of that name."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import State
from coserver_consumer.store.finish.dependents import end_locked
from coserver_consumer.store.manage.queues import queues
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import is_state, lock
from coserver_consumer.store.schema.loose_scan import READY_QUEUES

UNROUTABLE_AFTER_S = 60.0  # a consumer that starts makes the queues known that it serves
MAX_NAMES = 20  # of queues in an error text


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
            error = explain_unknown_queue(name, queues(connection))
            end_locked(connection, ids, state=State.FAILED, error=error)
            failed[name] = ids
            left -= len(ids)
    return failed


def explain_unknown_queue(name: str, known: Sequence[str]) -> str:
    """Return what is wrong with a job of that queue, and how to mend it."""
    listed = ", ".join(known[:MAX_NAMES]) or "none"
    more = f" and {len(known) - MAX_NAMES} more" if len(known) > MAX_NAMES else ""
    return (
        f"No queue is called '{name}'; known are: {listed}{more}. Correct the name where the job "
        f"is queued. Or make the queue with `coserver queues add {shlex.quote(name)}`, run a "
        "consumer that serves it, and run this job again with `coserver jobs retry` and its id."
    )


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
