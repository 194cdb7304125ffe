"""New jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import State
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.store.enqueue.dependencies import attach
from coserver_consumer.store.enqueue.insert import insert_rows, refuse_ended
from coserver_consumer.store.enqueue.unique_keys import insert_keyed
from coserver_consumer.store.enqueue.validation import MAX_PAYLOAD_BYTES, check_job, refuse_twins
from coserver_consumer.store.schema.clock import Now
from coserver_consumer.store.schema.rows import join_names


def add(connection: Connection, job: NewJob, *, max_payload: int = MAX_PAYLOAD_BYTES) -> str:
    """Queue one job and return its id; a live job that holds its unique key is returned instead."""
    return add_many(connection, [job], max_payload=max_payload)[0]


def is_one_statement(jobs: Sequence[NewJob]) -> bool:
    """Return True if ``add_many`` adds them in one statement, which needs no transaction."""
    return len(jobs) == 1 and all(_is_plain(job) for job in jobs)


def _is_plain(job: NewJob) -> bool:
    said = job.options
    return job.may_begin and said.unique is None and said.expires is None


def add_many(
    connection: Connection, jobs: Iterable[NewJob], *, max_payload: int = MAX_PAYLOAD_BYTES
) -> list[str]:
    """Queue jobs and return their ids in the same order, as ``add`` does for one.

    A job comes behind those of them that it waits for. Raises ``InvalidJob``.
    """
    new = list(jobs)
    rows = _to_rows(connection, new, max_payload)
    insert_rows(connection, [row for row in rows if row["unique_key"] is None])
    ids = [
        row["id"] if row["unique_key"] is None else insert_keyed(connection, row) for row in rows
    ]
    attach(connection, new, {job.id: made for job, made in zip(new, ids, strict=True)})
    return ids


def stage(
    connection: Connection,
    jobs: Iterable[NewJob],
    *,
    batch: str,
    evidence: dict[str, Any],
    max_payload: int = MAX_PAYLOAD_BYTES,
) -> None:
    """Write jobs that may run only when their transaction has committed: ``promote`` lets them.

    ``batch`` (a UUID) is the transaction's, and ``evidence`` where the resolver looks for it.
    A staged job doesn't hold its unique key yet.
    """
    new = list(jobs)
    rows = _to_rows(connection, new, max_payload)
    staged = {"state": State.STAGED.value, "batch": batch, "evidence": evidence}
    insert_rows(connection, [row | staged for row in rows])
    attach(connection, new, {job.id: job.id for job in new})


def _to_rows(connection: Connection, jobs: list[NewJob], max_payload: int) -> list[dict[str, Any]]:
    """Return the rows of jobs, all with the same columns.

    The database's defaults say "at once": only when a job is for later, or expires, must its clock
    be asked.
    """
    for job in jobs:
        check_job(job, max_payload=max_payload)
    refuse_twins(jobs)
    refuse_ended(connection, [job.id for job in jobs if job.options.id is not None])
    parents = {parent for job in jobs for parent in job.options.after}
    rows = [_to_row(job, is_parent=job.id in parents) for job in jobs]
    if any(_is_timed(job.options) for job in jobs):
        now: int = connection.execute(sa.select(Now())).scalar_one()
        rows = [row | _times(job, now) for row, job in zip(rows, jobs, strict=True)]
    elif parents:
        rows = [
            row | {"state": _waiting_or(State.READY, job)}
            for row, job in zip(rows, jobs, strict=True)
        ]
    return rows


def _to_row(job: NewJob, *, is_parent: bool) -> dict[str, Any]:
    said = job.options
    return {
        "id": job.id,
        "queue": said.queue,
        "priority": said.priority,
        "max_attempts": said.max_attempts,
        "timeout": said.timeout,
        "task": job.task,
        "args": job.args,
        "payload": job.payload,
        "owner": job.owner,
        "site": job.site,
        "origin": job.origin,
        "title": said.title,
        "unique_key": said.unique,
        "unique_for": said.unique_for,
        "concurrency_key": said.limit or "",
        "requires": join_names(said.requires),
        "signature": job.signature,
        "parents": [*dict.fromkeys(said.after)] or None,
        "waits_for": len(set(said.after)),
        "only_if_failed": job.only_if_failed,
        "is_parent": is_parent,
    }


def _is_timed(said: JobOptions) -> bool:
    return said.eta is not None or said.delay > 0 or said.expires is not None


def _times(job: NewJob, now: int) -> dict[str, Any]:
    run_at, expires_at = job.options.find_due(now), job.options.find_expiry(now)
    state = State.SCHEDULED if run_at > now else State.READY
    return {"run_at": run_at, "expires_at": expires_at, "state": _waiting_or(state, job)}


def _waiting_or(state: State, job: NewJob) -> str:
    return (State.BLOCKED if job.options.after else state).value
