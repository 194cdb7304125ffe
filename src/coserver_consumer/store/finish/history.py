"""The history: jobs whose rows the caller has locked go there, and come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from coserver_consumer.model.job import State
from coserver_consumer.protocol.codec import cap_result
from coserver_consumer.store.database.family import Family
from coserver_consumer.store.database.faults import is_outage, is_transient
from coserver_consumer.store.database.statement import Statement, is_one_of, parameter
from coserver_consumer.store.finish.moving import added_columns, ended_columns, insert_moved
from coserver_consumer.store.finish.results import MAX_RESULT_CHARS, cap_error
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.fragments import by_index, lock
from coserver_consumer.store.schema.rows import KEPT

DUPLICATE = (
    "Another program has added a row with the id of this job, which had ended already. The row was "
    "removed: a job runs again by `coserver jobs retry`, and a new one needs an id of its own."
)
RESET = {
    "consumer",
    "started_at",
    "deadline_at",
    "voted_at",
    "cancel_at",
    "progress",
    "progress_text",
}


def move_locked(
    connection: Connection,
    job_ids: Sequence[str],
    *,
    state: State,
    result: Any = None,
    error: str | None = None,
    max_result: int = MAX_RESULT_CHARS,
) -> None:
    """End live jobs as ``state``. The caller has locked their rows and resolves their dependents.

    A row with the id of a job that has ended before, which some other program has written, is
    removed: ``coserver_error`` says so.
    """
    added = {"result": cap_result(result, max_result), "error": cap_error(error)}
    moved = _move.execute(connection, ids=job_ids, state=state.value, **added)
    if moved.rowcount < len(job_ids):
        _note_duplicates.execute(connection, ids=job_ids)
    _delete.execute(connection, ids=job_ids)


def find_duplicates(connection: Connection, job_ids: Sequence[str]) -> set[str]:
    """Return those of the ids that a job bears which has ended already."""
    return set(_find_duplicates.execute(connection, ids=job_ids).scalars()) if job_ids else set()


@Statement
def _move(family: Family) -> sa.Executable:
    state = parameter("state", type_=sa.String)
    query = sa.select(*ended_columns(tables.job.c, state), *added_columns())
    query = query.where(is_one_of(family, tables.job.c.id, "ids"), ~_has_ended_before())
    return insert_moved(by_index(family, query), "result", "error")


def _has_ended_before() -> sa.ColumnElement[bool]:
    return sa.exists().where(tables.history.c.id == tables.job.c.id)


@Statement
def _note_duplicates(family: Family) -> sa.Executable:
    job = tables.job.c
    names = ["job_id", "run", "attempt", "consumer", "error"]
    query = sa.select(
        job.id, job.run, job.attempt, job.consumer, sa.literal(DUPLICATE).label("error")
    )
    query = query.where(is_one_of(family, job.id, "ids"), _has_ended_before())
    return sa.insert(tables.error).from_select(names, query, include_defaults=False)


@Statement
def _find_duplicates(family: Family) -> sa.Executable:
    return sa.select(tables.history.c.id).where(is_one_of(family, tables.history.c.id, "ids"))


@Statement
def _delete(family: Family) -> sa.Executable:
    return by_index(family, sa.delete(tables.job).where(is_one_of(family, tables.job.c.id, "ids")))


def revive(connection: Connection, job_ids: Sequence[str], *, state: State, **changes: Any) -> int:
    """Bring ended jobs back to life as ``state``, with all their attempts before them.

    The run stays and the next claim raises it, so no old attempt can end the new one. ``changes``
    are further columns, as SQL expressions.
    """
    if not job_ids:
        return 0
    ended = sa.select(tables.history.c.id).where(tables.history.c.id.in_(job_ids))
    lock(connection, ended).all()  # a child may be coming
    names = [name for name in KEPT if name not in RESET]
    changed = {
        "state": sa.literal(state.value, sa.String),
        "attempt": sa.literal(0),
        "rescues": sa.literal(0),
        **changes,
    }
    moved = [changed.get(name, tables.history.c[name]).label(name) for name in names]
    source = sa.select(*moved).where(tables.history.c.id.in_(job_ids))
    connection.execute(sa.insert(tables.job).from_select(names, source, include_defaults=False))
    gone = sa.delete(tables.history).where(tables.history.c.id.in_(job_ids))
    return connection.execute(gone).rowcount


def revive_if_fit(
    connection: Connection, job_id: str, *, state: State, **changes: Any
) -> str | None:
    """Do as ``revive`` for one job; return why not if the database doesn't take its row."""
    try:
        with connection.begin_nested():
            revive(connection, [job_id], state=state, **changes)
    except DBAPIError as error:
        if is_outage(error) or is_transient(error):
            raise
        return f"Its row in the history isn't one of a job that can run: {error.orig}"
    return None
