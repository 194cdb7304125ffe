"""Changes of many jobs in a few statements, however many they are.

Each function changes those of the jobs that are simple, as the function for one job would, and
returns what came of them by their ids. The caller has locked the jobs' rows with ``lock_jobs``, and
hands the others to the function for one job, which says why one can't be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from coserver_consumer.model.errors import CoserverError
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import RETRIABLE, WAITING, describe_cancel
from coserver_consumer.model.options import PRIORITY
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.faults import is_outage, is_transient
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.finish.dependents import end_locked
from coserver_consumer.store.finish.history import revive
from coserver_consumer.store.manage.audit import audit_all
from coserver_consumer.store.manage.placement import Sign, refuse_signed
from coserver_consumer.store.manage.queues import require_queue
from coserver_consumer.store.manage.search import find_live
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now
from coserver_consumer.store.schema.fragments import by_index, lock
from coserver_consumer.store.schema.rows import history_columns, live_columns, to_any_job


def lock_jobs(connection: Connection, job_ids: Collection[str], *, skip: bool) -> set[str]:
    """Lock the rows of the jobs, live and ended, in the order of their ids; return what was found.

    ``skip``: without those that others have locked.
    """
    found: set[str] = set()
    for table in (tables.job, tables.history):
        left = sorted(set(job_ids) - found)
        query = sa.select(table.c.id).where(table.c.id.in_(left)).order_by(table.c.id)
        if table is tables.job:
            query = by_index(find_family(connection), query)
        if left:
            found.update(lock(connection, query, skip=skip).scalars())
    return found


def cancel_many(
    connection: Connection, job_ids: Sequence[str], *, by: str | None = None, kill: bool = False
) -> dict[str, State]:
    """Do as ``cancel`` for those of the jobs that wait or run."""
    states = find_live(connection, job_ids)
    waiting = [job_id for job_id, state in states.items() if state in WAITING]
    running = [job_id for job_id, state in states.items() if state is State.RUNNING]
    if waiting:
        end_locked(connection, waiting, state=State.CANCELLED, error=describe_cancel(by))
    if running:
        due = {"deadline_at": Now()} if kill else {}
        _change(connection, running, cancel_at=Now(), **due)
    audit_all(connection, "cancel", who=by, job_ids=[*waiting, *running])
    return {**dict.fromkeys(waiting, State.CANCELLED), **dict.fromkeys(running, State.RUNNING)}


def set_priority_many(
    connection: Connection, job_ids: Sequence[str], priority: int, *, by: str | None = None
) -> dict[str, State]:
    """Do as ``set_priority`` for those of the jobs that wait."""
    number = PRIORITY.read("priority", priority)
    states = find_live(connection, job_ids)
    waiting = {job_id: state for job_id, state in states.items() if state in WAITING}
    _change(connection, waiting, priority=number)
    audit_all(connection, "set_priority", who=by, job_ids=waiting)
    return waiting


def move_many(
    connection: Connection,
    job_ids: Sequence[str],
    queue: str,
    *,
    by: str | None = None,
    sign: Sign = refuse_signed,
) -> dict[str, State]:
    """Do as ``move`` for those of the jobs that wait and can be signed for the queue."""
    require_queue(connection, queue)
    waiting = [job for job in _read_live(connection, job_ids) if job.state in WAITING]
    signed = dict(_sign_each([job for job in waiting if job.queue != queue], queue, sign))
    moved = [job for job in waiting if job.queue == queue or job.id in signed]
    _change(connection, signed, queue=queue)
    _write_signatures(connection, signed)
    audit_all(connection, "move", who=by, job_ids=[job.id for job in moved], queue=queue)
    return {job.id: job.state for job in moved}


def retry_many(
    connection: Connection,
    job_ids: Sequence[str],
    *,
    by: str | None = None,
    states: Collection[State] = RETRIABLE,
    renew: Callable[[Job], str | None] = lambda job: job.signature,
    allow: Callable[[Job], object] = lambda job: None,
) -> dict[str, None]:
    """Do as ``retry`` for those of the jobs that have ended and whose keys nobody can hold.

    ``allow`` raises ``CoserverError`` for a job that whoever asks mustn't have run.
    """
    ended = sa.select(*history_columns()).where(
        tables.history.c.id.in_(job_ids),
        tables.history.c.state.in_([state.value for state in states]),
        tables.history.c.unique_key.is_(None),
    )
    jobs = map(to_any_job, connection.execute(ended).all())
    fit = [job.id for job in jobs if _is_allowed(allow, job)]
    if not fit or not _revive_if_fit(connection, fit):
        return {}
    signed = [job for job in _read_live(connection, fit) if job.signature is not None]
    renewed = {job.id: renew(job) for job in signed}
    old = {job.id: job.signature for job in signed}
    _write_signatures(connection, dict(renewed.items() - old.items()))
    audit_all(connection, "retry", who=by, job_ids=fit)
    return dict.fromkeys(fit)


def _revive_if_fit(connection: Connection, job_ids: Sequence[str]) -> bool:
    """Let ended jobs be ready, without parents; return False if a row of theirs isn't taken."""
    gone = sa.delete(tables.dependency).where(tables.dependency.c.job_id.in_(job_ids))
    again: dict[str, Any] = {"waits_for": sa.literal(0), "expires_at": sa.null()}
    try:
        with connection.begin_nested():
            connection.execute(gone)
            revive(connection, job_ids, state=State.READY, run_at=Now(), **again)
    except DBAPIError as error:
        if is_outage(error) or is_transient(error):
            raise
        return False
    return True


def _sign_each(jobs: Iterable[Job], queue: str, sign: Sign) -> Iterator[tuple[str, str | None]]:
    """Yield the ids and the new signatures of those of the jobs that can be signed."""
    for job in jobs:
        with suppress(CoserverError):
            yield job.id, sign(job, queue)


def _is_allowed(allow: Callable[[Job], object], job: Job) -> bool:
    try:
        allow(job)
    except CoserverError:
        return False
    return True


def _read_live(connection: Connection, job_ids: Sequence[str]) -> list[Job]:
    query = sa.select(*live_columns()).where(tables.job.c.id.in_(job_ids))
    return [to_any_job(row) for row in connection.execute(query)]


def _change(connection: Connection, job_ids: Collection[str], **values: Any) -> None:
    if job_ids:
        wanted = sa.update(tables.job).where(tables.job.c.id.in_(job_ids))
        connection.execute(by_index(find_family(connection), wanted).values(**values))


def _write_signatures(connection: Connection, signatures: dict[str, str | None]) -> None:
    """Write the signatures of jobs, by their ids; one that has none keeps none."""
    rows = [
        {"id": job_id, "signature": signature}
        for job_id, signature in sorted(signatures.items())
        if signature is not None
    ]
    if rows:
        _sign.execute_many(connection, rows)


@Statement
def _sign(_family: Family) -> sa.Executable:
    signed = sa.update(tables.job).where(tables.job.c.id == parameter("id"))
    return signed.values(signature=parameter("signature", type_=sa.String))
