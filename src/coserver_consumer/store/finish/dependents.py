"""The ends of jobs that others wait for.

Whoever ends a parent removes its rows of ``coserver_dependency`` in the same transaction, and the
one that removes a job's last row lets the job go: all of them change the job's row, so they do it
one after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import Job, RunKey, State
from coserver_consumer.store.database.family import Family
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.finish.events import note_ends
from coserver_consumer.store.finish.history import find_duplicates, move_locked
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now
from coserver_consumer.store.schema.fragments import (
    count_down,
    count_up,
    is_state,
    lock,
    pages,
)
from coserver_consumer.store.schema.merging import read_merged

NOBODY_FAILED = "None of the jobs that it waited for failed."

# What a job becomes that waits for nobody any more.
DUE_STATE = sa.case(
    (tables.job.c.waits_for > 0, State.BLOCKED.value),
    (tables.job.c.run_at > Now(), State.SCHEDULED.value),
    else_=State.READY.value,
)


def end_locked(
    connection: Connection, job_ids: Sequence[str], *, state: State, **ending: Any
) -> None:
    """Move live jobs to the history and resolve their dependents; see ``move_locked``.

    The caller has locked their rows and knows that they may end. Zope isn't told of those that were
    merged into others, which do their work.
    """
    parents = _find_parents(connection, job_ids)
    if read_merged(ending.get("result")) is None:
        note_ends(connection, job_ids, state=state, error=ending.get("error"))
    move_locked(connection, job_ids, state=state, **ending)
    resolve_dependents(connection, dict.fromkeys(parents, state))


def remove_duplicates(connection: Connection, claimed: Sequence[Job]) -> frozenset[RunKey]:
    """Remove those of the claimed jobs that run as somebody and whose id has ended already.

    Who can write rows could copy an old one back and have it run again: its signature is right.
    """
    signed = [job for job in claimed if job.signature is not None or job.owner is not None]
    found = find_duplicates(connection, [job.id for job in signed])
    if found:
        end_locked(connection, sorted(found), state=State.FAILED)
    return frozenset(job.key for job in signed if job.id in found)


def cancel_unneeded(connection: Connection, batch: str) -> None:
    """Cancel the staged jobs for which somebody should have failed, if nobody has.

    The others are locked, so that a parent which ends now finds them promoted.
    """
    job = tables.job.c
    query = sa.select(job.id, job.waits_for, job.failed_parents).where(
        job.batch == batch, is_state(State.STAGED), job.only_if_failed
    )
    rows = lock(connection, query).all()
    idle = [row.id for row in rows if row.waits_for <= 0 and not row.failed_parents]
    resolve_dependents(connection, dict.fromkeys(_cancel(connection, idle), State.CANCELLED))


def resolve_dependents(connection: Connection, ended: Mapping[str, State]) -> None:
    """Let the jobs go that waited for these, which have ended, and for nobody else."""
    while ended:
        kept = _remove_dependencies(connection, ended)
        idle = _release_free(connection, kept)
        ended = dict.fromkeys(_cancel(connection, idle), State.CANCELLED)


def _remove_dependencies(connection: Connection, ended: Mapping[str, State]) -> list[str]:
    """Remove the dependencies that are fulfilled; return the jobs that had them.

    Those of jobs that aren't live stay: a dropped job may come back, and asks then.
    """
    done: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for page in pages(ended):
        rows = _find_dependencies(connection, page)
        fulfilled = [row for row in rows if row.is_live and _is_fulfilled(row, ended)]
        for row in fulfilled:
            done[row.job_id] += 1
            failed[row.job_id] += not _is_done(ended[row.parent_id])
        if fulfilled:
            gone = sa.delete(tables.dependency).where(tables.dependency.c.parent_id.in_(page))
            is_all = len(fulfilled) == len(rows)
            connection.execute(gone if is_all else gone.where(_is_one_of(fulfilled)))
    _count_down(connection, done, failed)
    return sorted(done)


def _find_dependencies(connection: Connection, parents: Sequence[str]) -> Sequence[Any]:
    dependency = tables.dependency.c
    query = sa.select(
        dependency.parent_id,
        dependency.job_id,
        dependency.accepts_failure,
        tables.job.c.id.is_not(None).label("is_live"),
    ).outerjoin(tables.job, tables.job.c.id == dependency.job_id)
    return connection.execute(query.where(dependency.parent_id.in_(parents))).all()


def _is_fulfilled(row: Any, ended: Mapping[str, State]) -> bool:
    return row.accepts_failure or _is_done(ended[row.parent_id])


def _is_done(state: State) -> bool:
    return state is State.COMPLETED


def _is_one_of(rows: Sequence[Any]) -> sa.ColumnElement[bool]:
    dependency = tables.dependency.c
    return sa.or_(
        *(
            sa.and_(dependency.parent_id == row.parent_id, dependency.job_id == row.job_id)
            for row in rows
        )
    )


def _count_down(connection: Connection, done: Counter[str], failed: Counter[str]) -> None:
    """Write how many parents of each job have ended, in the order of their ids: no deadlocks."""
    if done:
        rows = ({"id": key, "done": done[key], "failed": failed[key]} for key in sorted(done))
        _count_ended.execute_many(connection, rows)


@Statement
def _count_ended(_family: Family) -> sa.Executable:
    job = tables.job.c
    done, failed = (parameter(name, type_=sa.Integer) for name in ("done", "failed"))
    return (
        sa.update(tables.job)
        .where(job.id == parameter("id"))
        .values(
            waits_for=count_down(job.waits_for, done),
            failed_parents=count_up(job.failed_parents, failed),
        )
    )


def _release_free(connection: Connection, job_ids: Sequence[str]) -> list[str]:
    """Let those of the jobs go that wait for nobody; return those that aren't needed then."""
    unneeded: list[str] = []
    job = tables.job.c
    for page in pages(job_ids):
        free = sa.select(job.id, job.only_if_failed, job.failed_parents).where(
            job.id.in_(page), is_state(State.BLOCKED), job.waits_for <= 0
        )
        rows = connection.execute(free).all()
        idle = [row.id for row in rows if row.only_if_failed and not row.failed_parents]
        due = [row.id for row in rows if row.id not in idle]
        if due:
            connection.execute(sa.update(tables.job).where(job.id.in_(due)).values(state=DUE_STATE))
        unneeded += idle
    return unneeded


def _cancel(connection: Connection, job_ids: Sequence[str]) -> list[str]:
    """End these jobs; return those that others wait for."""
    if not job_ids:
        return []
    parents = _find_parents(connection, job_ids)
    move_locked(connection, job_ids, state=State.CANCELLED, error=NOBODY_FAILED)
    return parents


def _find_parents(connection: Connection, job_ids: Sequence[str]) -> list[str]:
    """Return those of the live jobs that others wait for."""
    job = tables.job.c
    query = sa.select(job.id).where(job.id.in_(job_ids), job.is_parent)
    return list(connection.execute(query).scalars())
