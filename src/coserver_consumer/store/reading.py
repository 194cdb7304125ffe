"""Questions about jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.errors import JobNotFound
from coserver_consumer.job import Job, RunKey, State
from coserver_consumer.store import schema
from coserver_consumer.store.clock import Now
from coserver_consumer.store.rows import history_columns, live_columns, to_job
from coserver_consumer.store.sql import is_state


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptError:
    """What went wrong in one attempt; ``at`` is in microseconds since the epoch."""

    job_id: str
    attempt: int
    consumer: str | None
    error: str
    traceback: str | None
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs ``find`` is to return; an empty field lets all through."""

    states: Sequence[State] = ()
    queues: Sequence[str] = ()
    tasks: Sequence[str] = ()
    owner: str | None = None
    site: str | None = None
    text: str | None = None
    before: str | None = None

    def conditions(self, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        """Return what holds for the wanted rows of a table."""
        column = table.c
        found: list[sa.ColumnElement[bool]] = []
        if self.states:
            found.append(column.state.in_([state.value for state in self.states]))
        if self.queues:
            found.append(column.queue.in_(self.queues))
        if self.tasks:
            found.append(column.task.in_(self.tasks))
        if self.owner is not None:
            found.append(column.owner == self.owner)
        if self.site is not None:
            found.append(column.site == self.site)
        if self.text:
            found.append(_contains(table, self.text))
        if self.before is not None:
            found.append(column.id < self.before)
        return found


def now(connection: Connection) -> int:
    """Return the database's time, in microseconds since the epoch."""
    return connection.execute(sa.select(Now())).scalar_one()


def get(connection: Connection, job_id: str) -> Job:
    """Return a job, live or ended; raise ``JobNotFound``."""
    job = None
    if is_id(job_id):
        job = _get_live(connection, job_id) or _get_ended(connection, job_id)
    if job is None:
        raise JobNotFound(f"No job has the id {job_id}: it never was committed, or was pruned.")
    return job


def is_id(text: str) -> bool:
    """Return True if the text can be the id of a job."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def get_running(connection: Connection, key: RunKey) -> Job | None:
    """Return the job if exactly this run of it is running now."""
    query = sa.select(*live_columns()).where(
        schema.job.c.id == key.job_id, schema.job.c.run == key.run, is_state(State.RUNNING)
    )
    row = connection.execute(query).mappings().one_or_none()
    return to_job(row) if row else None


def held(connection: Connection, consumer_id: str) -> list[Job]:
    """Return the jobs that a consumer holds the leases of."""
    query = sa.select(*live_columns()).where(
        schema.job.c.consumer == consumer_id, is_state(State.RUNNING)
    )
    return [to_job(row) for row in connection.execute(query).mappings()]


def find(
    connection: Connection,
    *,
    states: Sequence[State] = (),
    queues: Sequence[str] = (),
    tasks: Sequence[str] = (),
    owner: str | None = None,
    site: str | None = None,
    text: str | None = None,
    limit: int = 50,
    before: str | None = None,
) -> list[Job]:
    """Return up to ``limit`` jobs, live and ended, the newest first.

    ``text`` is looked for in titles, tasks and ids; ``before`` is the id of the last job of the
    page before.
    """
    wanted = Filter(
        states=states,
        queues=queues,
        tasks=tasks,
        owner=owner,
        site=site,
        text=text,
        before=before,
    )
    tables = [(schema.job, live_columns()), (schema.history, history_columns())]
    rows: list[Job] = []
    for table, columns in tables:
        query = sa.select(*columns).where(*wanted.conditions(table))
        newest = query.order_by(table.c.id.desc()).limit(limit)
        rows += [to_job(row) for row in connection.execute(newest).mappings()]
    return sorted(rows, key=lambda job: job.id, reverse=True)[:limit]


def counts(connection: Connection) -> dict[str, dict[State, int]]:
    """Return how many jobs each queue has in each state."""
    found: dict[str, dict[State, int]] = {}
    for table in (schema.job, schema.history):
        query = sa.select(table.c.queue, table.c.state, sa.func.count())
        for queue, state, number in connection.execute(
            query.group_by(table.c.queue, table.c.state)
        ):
            found.setdefault(queue, {})[State(state)] = number
    return found


def attempts(connection: Connection, job_id: str) -> list[AttemptError]:
    """Return what went wrong in the attempts of a job, the first one first."""
    names = ["job_id", "attempt", "consumer", "error", "traceback", "at"]
    query = (
        sa.select(*[schema.error.c[name] for name in names])
        .where(schema.error.c.job_id == job_id)
        .order_by(schema.error.c.id)
    )
    return [AttemptError(**row) for row in connection.execute(query).mappings()]


def _get_live(connection: Connection, job_id: str) -> Job | None:
    return _get(connection, schema.job, live_columns(), job_id)


def _get_ended(connection: Connection, job_id: str) -> Job | None:
    return _get(connection, schema.history, history_columns(), job_id)


def _get(
    connection: Connection, table: sa.Table, columns: list[sa.ColumnElement[Any]], job_id: str
) -> Job | None:
    row = connection.execute(sa.select(*columns).where(table.c.id == job_id)).mappings()
    found = row.one_or_none()
    return to_job(found) if found else None


def _contains(table: sa.Table, text: str) -> sa.ColumnElement[bool]:
    columns = [table.c.title, table.c.task, sa.cast(table.c.id, sa.String)]
    return sa.or_(*[column.icontains(text, autoescape=True) for column in columns])
