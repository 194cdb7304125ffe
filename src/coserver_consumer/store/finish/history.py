"""Between the live table and the history."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.model.texts import make_storable
from coserver_consumer.protocol.codec import not_kept
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.faults import is_outage, is_transient
from coserver_consumer.store.database.statement import Statement, is_one_of, parameter
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.fragments import by_index, lock, locked
from coserver_consumer.store.schema.rows import KEPT

MAX_RESULT = 65_536  # characters of JSON
MAX_ERROR = 4_096  # characters
encode = json.JSONEncoder(allow_nan=False).encode  # json.dumps would make one each time
TWIN = (
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


def move_to_history(
    connection: Connection,
    job_ids: Sequence[str],
    *,
    state: State,
    result: Any = None,
    error: str | None = None,
    max_result: int = MAX_RESULT,
) -> None:
    """End live jobs as ``state``. The caller holds their rows' locks and knows they may end.

    A row with the id of a job that has ended before, which some other program has written, is
    removed: ``coserver_error`` says so.
    """
    told = {"result": cap_result(result, max_result), "error": cap_error(error)}
    moved = _move.execute(connection, ids=job_ids, state=state.value, **told)
    if moved.rowcount < len(job_ids):
        _note_twins.execute(connection, ids=job_ids)
    _delete.execute(connection, ids=job_ids)


def find_twins(connection: Connection, job_ids: Sequence[str]) -> set[str]:
    """Return those of the ids that a job bears which has ended already."""
    return set(_find_twins.execute(connection, ids=job_ids).scalars()) if job_ids else set()


def end_run(
    connection: Connection,
    key: RunKey,
    *,
    was: State,
    state: State,
    result: Any = None,
    error: str | None = None,
    max_result: int = MAX_RESULT,
) -> bool:
    """End a live job as ``state``; False if it isn't in this run and state, or others wait for it.

    One round trip on PostgreSQL.
    """
    run = {"job_id": key.job_id, "run": key.run, "was": was.value}
    told = {"result": cap_result(result, max_result), "error": cap_error(error)}
    match family := find_family(connection):
        case Family.POSTGRESQL:
            moved = _move_run.execute(connection, **run, **told, state=state.value)
            return moved.rowcount == 1
        case Family.SQLITE | Family.MYSQL:
            if _lock_childless.execute(connection, **run).scalar() is None:
                return False
            _move_run.execute(connection, **run, **told, state=state.value)
            _delete_run.execute(connection, **run)
            return True
        case _:
            assert_never(family)


def hold_run(connection: Connection, key: RunKey, *, was: State) -> bool:
    """Lock the job; return False if it isn't in this run and state any more."""
    held = _lock_run.execute(connection, job_id=key.job_id, run=key.run, was=was.value)
    return held.scalar() is not None


def ended_columns(source: Any, state: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """Return what a history row takes from a live one, which ends in this state."""
    return [state.label(name) if name == "state" else source[name] for name in KEPT]


def _told() -> list[sa.ColumnElement[Any]]:
    """Return what a history row is told beside."""
    ended = tables.history.c
    return [parameter(name, type_=ended[name].type).label(name) for name in ("result", "error")]


def select_moved(
    family: Family,
    state: sa.ColumnElement[Any],
    *more: sa.ColumnElement[Any],
    where: Sequence[sa.ColumnElement[bool]],
) -> sa.Select[Any]:
    """Return the query for these jobs as they end; on PostgreSQL it deletes them as well."""
    match family:
        case Family.POSTGRESQL:
            return sa.select(*ended_columns(delete_returning(*where).c, state), *more)
        case Family.SQLITE | Family.MYSQL:
            return sa.select(*ended_columns(tables.job.c, state), *more).where(*where)
        case _:
            assert_never(family)


def delete_returning(*conditions: sa.ColumnElement[bool]) -> sa.CTE:
    """Return the rows that PostgreSQL deletes by these conditions."""
    columns = [tables.job.c[name] for name in KEPT]
    return sa.delete(tables.job).where(*conditions).returning(*columns).cte("gone")


def insert_moved(source: sa.Select[Any], *names: str) -> sa.Insert:
    """Return the statement that makes history of ``ended_columns`` and these columns beside."""
    insert = sa.insert(tables.history)
    return insert.from_select([*KEPT, *names], source, include_defaults=False)


@Statement
def _move(family: Family) -> sa.Executable:
    state = parameter("state", type_=sa.String)
    query = sa.select(*ended_columns(tables.job.c, state), *_told())
    query = query.where(is_one_of(family, tables.job.c.id, "ids"), ~_has_twin())
    moved = insert_moved(by_index(family, query), "result", "error")
    return moved.execution_options(preserve_rowcount=True)


def _has_twin() -> sa.ColumnElement[bool]:
    return sa.exists().where(tables.history.c.id == tables.job.c.id)


@Statement
def _note_twins(family: Family) -> sa.Executable:
    job = tables.job.c
    names = ["job_id", "run", "attempt", "consumer", "error"]
    query = sa.select(job.id, job.run, job.attempt, job.consumer, sa.literal(TWIN).label("error"))
    query = query.where(is_one_of(family, job.id, "ids"), _has_twin())
    return sa.insert(tables.error).from_select(names, query, include_defaults=False)


@Statement
def _find_twins(family: Family) -> sa.Executable:
    return sa.select(tables.history.c.id).where(is_one_of(family, tables.history.c.id, "ids"))


@Statement
def _delete(family: Family) -> sa.Executable:
    return by_index(family, sa.delete(tables.job).where(is_one_of(family, tables.job.c.id, "ids")))


def _is_run() -> list[sa.ColumnElement[bool]]:
    job = tables.job.c
    return [
        job.id == parameter("job_id"),
        job.run == parameter("run"),
        job.state == parameter("was"),
    ]


@Statement
def _lock_run(family: Family) -> sa.Executable:
    query = sa.select(tables.job.c.id).where(*_is_run())
    return locked(family, query)


@Statement
def _lock_childless(family: Family) -> sa.Executable:
    query = sa.select(tables.job.c.id).where(*_is_run(), ~tables.job.c.is_parent)
    return locked(family, query)


@Statement
def _delete_run(_family: Family) -> sa.Executable:
    return sa.delete(tables.job).where(*_is_run())


@Statement
def _move_run(family: Family) -> sa.Executable:
    """Copy the row to the history; on PostgreSQL the row that the same statement deletes."""
    where = [*_is_run(), ~tables.job.c.is_parent]
    query = select_moved(family, parameter("state", type_=sa.String), *_told(), where=where)
    return insert_moved(query, "result", "error").execution_options(preserve_rowcount=True)


def revive(connection: Connection, job_ids: Sequence[str], *, state: State, **changes: Any) -> int:
    """Bring ended jobs back to life as ``state``, with all their attempts before them.

    The run stays and the next claim raises it, so no old attempt can end the new one. ``changes``
    are further columns, as SQL expressions.
    """
    if not job_ids:
        return 0
    held = sa.select(tables.history.c.id).where(tables.history.c.id.in_(job_ids))
    lock(connection, held).all()  # a child may be coming
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


def cap_result(result: Any, limit: int) -> Any:
    """Return the result, or a note of its size if its JSON has more characters than ``limit``."""
    text = write_result(result, limit)
    return None if text is None else json.loads(text)


def write_result(result: Any, limit: int) -> str | None:
    """Return the JSON of the result, or of a note why it isn't kept."""
    if result is None:
        return None
    try:
        text = encode(result)
    except (TypeError, ValueError) as error:
        return encode(not_kept(f"it isn't JSON: {error}"))
    if len(text) > limit:
        return encode(not_kept(f"it has {len(text)} characters, {limit} are kept"))
    return text


def cap_error(error: str | None, limit: int = MAX_ERROR) -> str | None:
    """Return the text as the database can hold it, cut to what the store keeps."""
    return None if error is None else make_storable(error, limit)
