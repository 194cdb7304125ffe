"""New jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import mysql, postgresql, sqlite

from coserver_consumer.errors import InvalidJob
from coserver_consumer.job import NewJob, State
from coserver_consumer.store import schema
from coserver_consumer.store.clock import SECOND, Now, family
from coserver_consumer.store.rows import join_names

MAX_PAYLOAD = 1_048_576  # bytes
MAX_PRIORITY = 1_000_000  # minutes of head start: two years
INSERT = sa.insert(schema.job)
INSERT_RETURNING = INSERT.returning(schema.job.c.id)  # sends many rows as one statement
LIMITS = {
    name: schema.job.c[name].type.length  # type: ignore[attr-defined]
    for name in ("queue", "task", "owner", "site", "title", "unique_key", "requires")
}


def add(connection: Connection, job: NewJob, *, max_payload: int = MAX_PAYLOAD) -> str:
    """Queue one job and return its id; a live job that holds its unique key is returned instead."""
    return add_many(connection, [job], max_payload=max_payload)[0]


def add_many(
    connection: Connection, jobs: Iterable[NewJob], *, max_payload: int = MAX_PAYLOAD
) -> list[str]:
    """Queue jobs and return their ids in the same order, as ``add`` does for one."""
    rows = _to_rows(connection, list(jobs), max_payload)
    _insert(connection, [row for row in rows if row["unique_key"] is None])
    return [
        row["id"] if row["unique_key"] is None else _insert_keyed(connection, row) for row in rows
    ]


def stage(
    connection: Connection,
    jobs: Iterable[NewJob],
    *,
    batch: str,
    evidence: dict[str, Any],
    max_payload: int = MAX_PAYLOAD,
) -> None:
    """Write jobs that exist only once their transaction has committed; ``promote`` says so.

    ``batch`` (a UUID) is the transaction's; ``evidence`` tells the resolver where to look for it.
    A staged job doesn't hold its unique key yet.
    """
    rows = _to_rows(connection, list(jobs), max_payload)
    told = {"state": State.STAGED.value, "batch": batch, "evidence": evidence}
    _insert(connection, [{**row, **told} for row in rows])


def _insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows in as few statements as the driver allows."""
    if not rows:
        return
    returns_ids = connection.dialect.insert_executemany_returning
    connection.execute(INSERT_RETURNING if returns_ids else INSERT, rows)


def _insert_keyed(connection: Connection, row: dict[str, Any]) -> str:
    """Insert a row unless its key is held; return the id of the job that holds the key now."""
    holder = None
    while holder is None:  # the one that stood in the way may have ended meanwhile
        connection.execute(_unless_held(connection.dialect.name).values(row))
        holder = find_holder(connection, row["unique_key"])
    return holder


def find_holder(connection: Connection, unique_key: str) -> str | None:
    """Return the id of the live job that holds the key."""
    query = sa.select(schema.job.c.id).where(schema.job.c.held_key == unique_key)
    return connection.execute(query).scalar()


def _unless_held(dialect: str) -> Any:
    match family(dialect):
        case "postgresql":
            return postgresql.insert(schema.job).on_conflict_do_nothing(index_elements=["held_key"])
        case "sqlite":
            return sqlite.insert(schema.job).on_conflict_do_nothing(index_elements=["held_key"])
        case _:
            return mysql.insert(schema.job).on_duplicate_key_update(id=schema.job.c.id)


def _to_rows(connection: Connection, jobs: list[NewJob], max_payload: int) -> list[dict[str, Any]]:
    """Return the rows of jobs, all with the same columns.

    The database's defaults say "at once": only when a job is for later must its clock be asked.
    """
    for job in jobs:
        check_job(job, max_payload=max_payload)
    if all(job.run_at is None and job.delay <= 0 for job in jobs):
        return [_to_row(job) for job in jobs]
    now: int = connection.execute(sa.select(Now())).scalar_one()
    return [_to_row(job) | _due(job, now) for job in jobs]


def _to_row(job: NewJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "queue": job.queue,
        "priority": job.priority,
        "max_attempts": job.max_attempts,
        "timeout": job.timeout,
        "task": job.task,
        "args": job.args,
        "payload": job.payload,
        "owner": job.owner,
        "site": job.site,
        "origin": job.origin,
        "title": job.title,
        "unique_key": job.unique_key,
        "requires": join_names(job.requires),
        "signature": job.signature,
    }


def _due(job: NewJob, now: int) -> dict[str, Any]:
    run_at = job.run_at if job.run_at is not None else now + round(max(0, job.delay) * SECOND)
    return {"run_at": run_at, "state": (State.SCHEDULED if run_at > now else State.READY).value}


def check_job(job: NewJob, *, max_payload: int = MAX_PAYLOAD) -> None:
    """Raise ``InvalidJob`` for what the database would refuse, or cut, less clearly."""
    if not job.task:
        raise InvalidJob("A job needs the name of a task.")
    if job.max_attempts < 1:
        raise InvalidJob(f"max_attempts is {job.max_attempts}; a job needs at least 1.")
    if abs(job.priority) > MAX_PRIORITY:
        raise InvalidJob(
            f"priority is {job.priority}; it goes from -{MAX_PRIORITY} to {MAX_PRIORITY}."
        )
    if job.timeout is not None and job.timeout <= 0:
        raise InvalidJob(f"timeout is {job.timeout}; it is in seconds and more than 0.")
    _check_names(job)
    _check_size(job, max_payload)


def _check_names(job: NewJob) -> None:
    texts: dict[str, str | None] = {
        "queue": job.queue,
        "task": job.task,
        "owner": job.owner,
        "site": job.site,
        "title": job.title,
        "unique_key": job.unique_key,
        "requires": join_names(job.requires),
    }
    for name, text in texts.items():
        if text is None:
            continue
        if len(text) > LIMITS[name]:
            raise InvalidJob(
                f"{name} has {len(text)} characters; the limit is {LIMITS[name]}: {text[:40]}..."
            )
        if "\0" in text:
            raise InvalidJob(f"{name} has a NUL character, which not every database can hold.")


def _check_size(job: NewJob, max_payload: int) -> None:
    size = len(_to_json(job)) + len(job.payload or b"")
    if size > max_payload:
        raise InvalidJob(
            f"The arguments and payload of job '{job.title or job.task}' have {size} bytes; the "
            f"limit is {max_payload}. Pass the path or UID of what holds the data instead."
        )


def _to_json(job: NewJob) -> str:
    try:
        return json.dumps([job.args, job.origin], allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidJob(
            f"The arguments of job '{job.title or job.task}' aren't JSON: {error}. "
            "Pass text, numbers, true, false, null, lists and mappings of these."
        ) from error
