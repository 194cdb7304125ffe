"""Whether the queue and a ZODB are of the same time, or one was restored from an older backup.

The queue keeps up to which transaction of each ZODB it is known to agree with it. When a Zope
finds that the ZODB has lost transactions since, the jobs of those are staged again, so that they
don't run before the mark of their request is found. When it finds marks of runs that the queue
knows nothing of, the queue is the older one, and these jobs are completed already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.store.finish.canceller import explain_cancel
from coserver_consumer.store.finish.dependents import end_locked
from coserver_consumer.store.finish.requeue import NEVER_EXPIRES
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now
from coserver_consumer.store.schema.fragments import insert_unless_there, is_state, lock, pages

MAX_JOBS = 500  # that are looked at together
RESTAGEABLE = (State.READY, State.SCHEDULED, State.BLOCKED, State.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The transaction that queued a job: its batch, its id, and what its row has as evidence."""

    batch: str
    tid: int
    evidence: Mapping[str, Any]


def find_agreed(connection: Connection, database: str) -> int | None:
    """Return the ZODB's transaction up to which the queue agrees with it, None if nobody knows."""
    zodb = tables.zodb.c
    return connection.execute(sa.select(zodb.tid).where(zodb.name == database)).scalar()


def agree(connection: Connection, database: str, tid: int, *, since: int | None = None) -> bool:
    """Keep that the queue agrees with the ZODB up to this transaction.

    Return False, and keep nothing, if what is kept isn't between ``since`` and ``tid``: then one of
    the two was restored meanwhile. Without ``since`` it is kept whatever was.
    """
    row, zodb = {"name": database, "tid": tid}, tables.zodb.c
    insert_unless_there(connection, tables.zodb, row)
    kept = sa.update(tables.zodb).where(zodb.name == database).values(tid=tid, at=Now())
    if since is not None:
        kept = kept.where(zodb.tid.between(since, tid))
    return connection.execute(kept).rowcount == 1


def restage_lost(
    connection: Connection,
    database: str,
    find_lost: Callable[[Sequence[Origin]], Sequence[Origin]],
    *,
    base: int,
) -> list[str]:
    """Stage the jobs again whose requests the ZODB has lost; return their ids.

    A ZODB that was restored lacks the last transactions, so the search goes backwards and ends
    where nothing is missing. ``base`` is a transaction that the ZODB has: marks are to be looked
    for behind it.
    """
    found: list[str] = []
    last: sa.Row[Any] | None = None
    while rows := lock(connection, _select_before(last)).all():
        last = rows[-1]
        ours = {row.batch: row for row in rows if _is_of(row, database)}
        lost = {origin.batch for origin in find_lost([_to_origin(row) for row in ours.values()])}
        gone = [row for row in rows if row.batch in lost]
        _restage(connection, gone, base)
        found += [row.id for row in gone]
        if ours and not lost:
            break
    return found


def rebase(connection: Connection, database: str, has: Callable[[int], bool], *, base: int) -> int:
    """Have the marks of in-doubt transactions looked for behind ``base``.

    It is for those whose evidence names a transaction that was lost with the end of the ZODB:
    ``has`` returns True for one that is there. Return how many jobs that are.
    """
    moved = 0
    job = tables.job.c
    query = sa.select(job.id, job.state, job.evidence).where(
        is_state(State.STAGED, State.FINISHING)
    )
    for row in lock(connection, query).all():
        tid = row.evidence.get("base_tid") if _is_of(row, database) else None
        if isinstance(tid, int) and tid > base and not has(tid):
            changed = sa.update(tables.job).where(job.id == row.id)
            connection.execute(changed.values(evidence=row.evidence | {"base_tid": base}))
            moved += 1
    return moved


def complete_found(connection: Connection, found: Iterable[RunKey]) -> list[str]:
    """Complete the live jobs whose effect is in the ZODB though the queue doesn't know it.

    Return their ids. ``found`` are runs whose marks the ZODB has. A run that is finishing ends by
    itself, and a job that somebody has retried since is to run again.
    """
    runs: dict[str, int] = {}
    for key in found:
        runs[key.job_id] = max(key.run, runs.get(key.job_id, 0))
    completed: list[str] = []
    for page in pages(sorted(runs)):
        query = sa.select(tables.job.c.id, tables.job.c.run, tables.job.c.state)
        rows = lock(connection, query.where(tables.job.c.id.in_(page))).all()
        retried = _find_retried(connection, page)
        done = [row.id for row in rows if _is_done(row, runs[row.id], retried)]
        if done:
            end_locked(connection, done, state=State.COMPLETED)
        completed += done
    return completed


def _select_before(last: sa.Row[Any] | None) -> sa.Select[Any]:
    """Return the query for the live jobs that requests have queued, the last ones first."""
    job = tables.job.c
    columns = (job.id, job.batch, job.tid, job.evidence, job.state, job.run)
    query = sa.select(*columns, job.attempt, job.cancel_at).where(
        job.tid.is_not(None), job.batch.is_not(None), is_state(*RESTAGEABLE)
    )
    if last is not None:
        older = sa.and_(job.tid == last.tid, job.id < last.id)
        query = query.where(sa.or_(job.tid < last.tid, older))
    return query.order_by(job.tid.desc(), job.id.desc()).limit(MAX_JOBS)


def _restage(connection: Connection, rows: Iterable[sa.Row[Any]], base: int) -> None:
    """Take jobs back, also from those who run them: nobody may commit their effect.

    One that somebody has asked to stop is cancelled, so that it doesn't come back.
    """
    for row in rows:
        if row.cancel_at is not None:
            reason = f"{explain_cancel(connection, row.id)}; the ZODB was restored meanwhile"
            end_locked(connection, [row.id], state=State.CANCELLED, error=reason)
            continue
        is_running = row.state == State.RUNNING
        evidence = dict(row.evidence)
        if _is_beyond(evidence.get("base_tid"), base):
            evidence["base_tid"] = base
        staged = sa.update(tables.job).where(tables.job.c.id == row.id)
        connection.execute(
            staged.values(
                state=State.STAGED.value,
                run=row.run + is_running,
                attempt=row.attempt - is_running,
                evidence=evidence,
                consumer=None,
                deadline_at=None,
                **(NEVER_EXPIRES if is_running else {}),
            )
        )


def _is_of(row: Any, database: str) -> bool:
    return isinstance(row.evidence, dict) and row.evidence.get("database") == database


def _is_beyond(tid: Any, base: int) -> bool:
    return isinstance(tid, int) and tid > base


def _to_origin(row: sa.Row[Any]) -> Origin:
    return Origin(batch=row.batch, tid=row.tid, evidence=row.evidence)


def _find_retried(connection: Connection, job_ids: list[str]) -> set[str]:
    """Return those of the jobs that somebody has let run again after their end."""
    audit = tables.audit.c
    query = sa.select(audit.job_id).where(audit.action == "retry", audit.job_id.in_(job_ids))
    return set(connection.execute(query).scalars())


def _is_done(row: Any, found: int, retried: set[str]) -> bool:
    """Return True if the effect of run ``found`` was the end of this job."""
    if row.run != found or row.state != State.FINISHING:
        return found > row.run or row.id not in retried
    return False
