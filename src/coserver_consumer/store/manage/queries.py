"""Questions about jobs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.errors import JobNotFound
from coserver_consumer.model.exception_text import brief, brief_text
from coserver_consumer.model.job import Job, RunKey, State, read_id
from coserver_consumer.store.database.family import Family
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import is_state, lock, look_once, pages
from coserver_consumer.store.schema.merging import find_other
from coserver_consumer.store.schema.rows import (
    history_columns,
    live_columns,
    to_any_job,
    to_job,
    to_state,
)

MAX_COUNTED = 100_000  # ended jobs that are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptError:
    """What went wrong in one attempt; ``at`` is in microseconds since the epoch."""

    job_id: str
    attempt: int
    consumer: str | None
    error: str
    traceback: str | None
    at: int


def now(connection: Connection) -> int:
    """Return the database's time, in microseconds since the epoch."""
    return connection.execute(sa.select(Now())).scalar_one()


def get(connection: Connection, job_id: str) -> Job:
    """Return a job, live or ended; raise ``JobNotFound``."""
    known = require_id(job_id)
    job = _get_live(connection, known) or _get_ended(connection, known)
    if job is None:
        raise _not_found(job_id)
    return job


def require_id(job_id: Any) -> str:
    """Return the id as the tables have it; raise ``JobNotFound`` for what can be none."""
    if not isinstance(job_id, str):
        raise JobNotFound(
            f"{brief(job_id)} isn't the id of a job: that is text, as it was returned when the job "
            "was queued."
        )
    known = read_id(job_id)
    if known is None:
        raise _not_found(job_id)
    return known


def _not_found(job_id: str) -> JobNotFound:
    return JobNotFound(
        f"No job has the id {brief_text(job_id)}: it never was committed, or was pruned."
    )


def get_merged(connection: Connection, job_id: str) -> Job:
    """Return the job that does the work of the one with this id: itself, or one with its key.

    Raises ``JobNotFound`` if there is none, or if the other one has been pruned.
    """
    job = get(connection, job_id)
    seen = {job.id}
    while (other := find_other(job)) and other not in seen:
        seen.add(other)
        job = get(connection, other)
    return job


def lock_state(connection: Connection, job_id: str) -> tuple[str, State]:
    """Return the job's id as the tables have it, and its state, its row locked if it is live.

    Raises ``JobNotFound``.
    """
    known = require_id(job_id)
    query = sa.select(tables.job.c.state).where(tables.job.c.id == known)
    state = lock(connection, query).scalar()
    return known, to_state(state) if state else get(connection, known).state


def find_by_ids(connection: Connection, job_ids: Iterable[str]) -> dict[str, Job]:
    """Return those of the jobs that are there, by their ids.

    The history is read twice: a job that somebody runs again may end once more in between.
    """
    found: dict[str, Job] = {}
    ended, live = (tables.history, history_columns()), (tables.job, live_columns())
    for page in pages(job_ids):
        for table, columns in (ended, live, ended):
            left = [job_id for job_id in page if job_id not in found]
            if left:
                rows = connection.execute(sa.select(*columns).where(table.c.id.in_(left)))
                found |= {job.id: job for job in map(to_any_job, rows)}
    return found


class Running(NamedTuple):
    """A job that runs, and the database's time now, in seconds since the epoch."""

    job: Job
    now: float

    @property
    def is_late(self) -> bool:
        """True if the job's time is over."""
        return self.job.deadline_at is not None and self.job.deadline_at / SECOND < self.now


def find_running(connection: Connection, key: RunKey) -> Running | None:
    """Return the job if exactly this run of it is running now, with the time of now."""
    found = _find_running.execute(connection, job_id=key.job_id, run=key.run)
    row = found.one_or_none()
    return Running(to_job(row[:-1]), row[-1] / SECOND) if row else None


@Statement
def _find_running(_family: Family) -> sa.Executable:
    job = tables.job.c
    return sa.select(*live_columns(), Now().label("now")).where(
        job.id == parameter("job_id"),
        job.run == parameter("run"),
        is_state(State.RUNNING),
    )


def find_leased(connection: Connection, consumer_id: str) -> list[Job]:
    """Return the running jobs whose leases a consumer holds."""
    query = sa.select(*live_columns()).where(
        tables.job.c.consumer == consumer_id, is_state(State.RUNNING)
    )
    return [to_any_job(row) for row in connection.execute(query)]


def counts(connection: Connection, *, newest: int = MAX_COUNTED) -> dict[str, dict[State, int]]:
    """Return how many jobs each queue has in each state; of ended ones, of the newest."""
    ended = tables.history.c
    last = sa.select(ended.queue, ended.state).order_by(ended.id.desc()).limit(newest)
    parts = [
        sa.select(table.c.queue, table.c.state, sa.func.count()).group_by(
            table.c.queue, table.c.state
        )
        for table in (tables.job, last.subquery())
    ]
    found: dict[str, dict[State, int]] = {}
    for queue, state, number in look_once(connection, parts):
        of_queue = found.setdefault(queue, {})
        of_queue[to_state(state)] = of_queue.get(to_state(state), 0) + number
    return found


def count_ahead(connection: Connection, job: Job) -> int:
    """Return how many ready jobs of its queue with its concurrency key come before a ready job."""
    row = tables.job.c
    mine = sa.select(row.rank).where(row.id == job.id).scalar_subquery()
    query = sa.select(sa.func.count()).where(
        is_state(State.READY),
        row.queue == job.queue,
        row.concurrency_key == job.concurrency_key,
        sa.or_(row.rank < mine, sa.and_(row.rank == mine, row.id < job.id)),
    )
    return connection.execute(query).scalar_one()


def attempts(connection: Connection, job_id: str) -> list[AttemptError]:
    """Return what went wrong in the attempts of a job, the first one first."""
    row = tables.error.c
    query = _select_failures().where(row.job_id == job_id).order_by(row.id)
    return [AttemptError(**found) for found in connection.execute(query).mappings()]


def last_failures(connection: Connection, job_ids: Collection[str]) -> dict[str, AttemptError]:
    """Return what went wrong in the last attempt that failed, by the ids of jobs that have one."""
    if not job_ids:
        return {}
    row = tables.error.c
    last = sa.select(sa.func.max(row.id)).where(row.job_id.in_(job_ids)).group_by(row.job_id)
    query = _select_failures().where(row.id.in_(last))
    found = [AttemptError(**found) for found in connection.execute(query).mappings()]
    return {failure.job_id: failure for failure in found}


def _select_failures() -> sa.Select[Any]:
    names = ["job_id", "attempt", "consumer", "error", "traceback", "at"]
    return sa.select(*[tables.error.c[name] for name in names])


def _get_live(connection: Connection, job_id: str) -> Job | None:
    return _get(connection, tables.job, live_columns(), job_id)


def _get_ended(connection: Connection, job_id: str) -> Job | None:
    return _get(connection, tables.history, history_columns(), job_id)


def _get(
    connection: Connection, table: sa.Table, columns: list[sa.ColumnElement[Any]], job_id: str
) -> Job | None:
    row = connection.execute(sa.select(*columns).where(table.c.id == job_id)).one_or_none()
    return to_any_job(row) if row else None
