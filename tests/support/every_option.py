"""A word for each option of a job, and what of it has come into the tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import conclude
from coserver_consumer.model.moments import to_utc
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.outcome import Failed
from coserver_consumer.retry import Backoff, RetryPolicy
from coserver_consumer.store import enqueue, manage
from coserver_consumer.store.schema import tables

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
QUEUE = "of every option"
THRICE = RetryPolicy(max_attempts=3)
HOUR = 3600  # seconds; a slow machine asks for the time a while before it writes the row


def say_all(engine: Engine) -> dict[str, Any]:
    """Return each option with a word for it, but ``eta``, which goes without ``delay``.

    The queue is made known, and there is a job to come after.
    """

    def prepare(connection: sa.Connection) -> str:
        manage.add_queue(connection, QUEUE)
        return enqueue.add(connection, NewJob(task="t"))

    return {
        "queue": QUEUE,
        "priority": 3,
        "delay": 2 * HOUR,
        "expires": NOON,
        "max_attempts": 5,
        "timeout": 9,
        "title": "Every option",
        "unique": "a key",
        "unique_for": 600,
        "limit": "a limit",
        "requires": ("x", "y"),
        "after": (store.write(engine, prepare),),
        "accepts_failure": True,
        "id": str(uuid4()),
    }


def is_tried_again(job: Job, *, after: int, policy: RetryPolicy = THRICE) -> bool:
    """Return True if another attempt follows when so many have failed."""
    failed = job._replace(state=State.RUNNING, attempt=after)
    ending = conclude(failed, Failed(error="no"), backoff=Backoff(), policy=policy)
    return ending.state is State.SCHEDULED


def read_back(engine: Engine, job_id: str) -> dict[str, Any]:
    """Return the options of a queued job as its rows have them."""
    job = store.read(engine, lambda connection: manage.get(connection, job_id))
    dependency = tables.dependency.c
    parents = sa.select(dependency.parent_id, dependency.accepts_failure)
    with engine.connect() as connection:
        rows = connection.execute(parents.where(dependency.job_id == job_id)).all()
    return {
        "queue": job.queue,
        "priority": job.priority,
        "delay": round((job.run_at - job.created_at) / store.SECOND / HOUR) * HOUR,
        "expires": to_utc(job.expires_at),
        "max_attempts": job.max_attempts,
        "timeout": job.timeout,
        "title": job.title,
        "unique": job.unique_key,
        "unique_for": job.unique_for,
        "limit": job.concurrency_key,
        "requires": job.requires,
        "after": tuple(row.parent_id for row in rows),
        "accepts_failure": all(row.accepts_failure for row in rows),
        "id": job.id,
    }
