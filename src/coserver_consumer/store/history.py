"""Between the live table and the history."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

from coserver_consumer.job import RunKey, State
from coserver_consumer.store import schema
from coserver_consumer.store.rows import KEPT
from coserver_consumer.store.sql import by_index, is_state, locked
from coserver_consumer.store.statement import Statement, is_one_of, parameter

MAX_RESULT = 65_536  # characters of JSON
MAX_ERROR = 4_096  # characters
_COMPLETED: sa.ColumnElement[str] = sa.literal_column(f"'{State.COMPLETED.value}'")
_ENCODE = json.JSONEncoder(allow_nan=False).encode  # json.dumps would make one each time
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
    """End live jobs as ``state``. The caller holds their rows' locks and knows they may end."""
    told = {"result": cap_result(result, max_result), "error": cap_error(error)}
    _move.execute(connection, ids=job_ids, state=state.value, **told)
    _delete.execute(connection, ids=job_ids)


def complete_runs(
    connection: Connection, results: Mapping[RunKey, Any], *, max_result: int = MAX_RESULT
) -> bool:
    """Complete running jobs that nobody waits for, all in one statement or two.

    Returns False if it wasn't so for some of them, which stay as they are. Not of MariaDB.
    """
    runs = {run for _, run in results}
    if len(runs) == 1 and not any(result is not None for result in results.values()):
        alike = {"ids": [job_id for job_id, _ in results], "run": runs.pop()}
        return _move_completed(connection, _complete_alike, _delete_alike, alike) == len(results)
    told = {
        job_id: [run, None if result is None else write_result(result, max_result)]
        for (job_id, run), result in results.items()
    }
    each = {"told": _ENCODE(told)}
    return _move_completed(connection, _complete_each, _delete_each, each) == len(results)


def _move_completed(
    connection: Connection, move: Statement, delete: Statement, told: dict[str, Any]
) -> int:
    """Return how many rows were moved; on PostgreSQL ``move`` deletes them too."""
    moved = move.execute(connection, **told)
    if connection.dialect.name == "sqlite":
        delete.execute(connection, **told)
    return moved.rowcount


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
    if connection.dialect.name == "postgresql":
        moved = _move_run.execute(connection, **run, **told, state=state.value)
        return moved.rowcount == 1
    if _lock_childless.execute(connection, **run).scalar() is None:
        return False
    _move_run.execute(connection, **run, **told, state=state.value)
    _delete_run.execute(connection, **run)
    return True


def hold_run(connection: Connection, key: RunKey, *, was: State) -> bool:
    """Lock the job; return False if it isn't in this run and state any more."""
    held = _lock_run.execute(connection, job_id=key.job_id, run=key.run, was=was.value)
    return held.scalar() is not None


def _moved(source: Any, state: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """Return what a history row takes from a live one, which ends in this state."""
    return [state.label(name) if name == "state" else source[name] for name in KEPT]


def _told() -> list[sa.ColumnElement[Any]]:
    """Return what a history row is told beside."""
    ended = schema.history.c
    return [parameter(name, type_=ended[name].type).label(name) for name in ("result", "error")]


def _insert(source: sa.Select[Any], *names: str) -> sa.Insert:
    insert = sa.insert(schema.history)
    return insert.from_select([*KEPT, *names], source, include_defaults=False)


@Statement
def _move(family: str) -> sa.Executable:
    state = parameter("state", type_=sa.String)
    query = sa.select(*_moved(schema.job.c, state), *_told())
    query = query.where(is_one_of(family, schema.job.c.id, "ids"))
    return _insert(by_index(family, query), "result", "error")


@Statement
def _delete(family: str) -> sa.Executable:
    return by_index(family, sa.delete(schema.job).where(is_one_of(family, schema.job.c.id, "ids")))


@Statement
def _complete_alike(family: str) -> sa.Executable:
    """Move the rows of these jobs in the same run, which have no results: what most jobs are."""
    source: Any = schema.job
    conditions = _are_alike(family)
    if family == "postgresql":
        source = _delete_returning(*conditions)
        conditions = []
    query = sa.select(*_moved(source.c, _COMPLETED)).where(*conditions)
    return _insert(query).execution_options(preserve_rowcount=True)


@Statement
def _delete_alike(family: str) -> sa.Executable:
    return sa.delete(schema.job).where(*_are_alike(family))


def _are_alike(family: str) -> list[sa.ColumnElement[bool]]:
    job = schema.job.c
    is_ours = [is_one_of(family, job.id, "ids"), job.run == parameter("run")]
    return [*is_ours, is_state(State.RUNNING), ~job.is_parent]


def _delete_returning(*conditions: sa.ColumnElement[bool]) -> sa.CTE:
    """Return the rows that PostgreSQL deletes by these conditions."""
    columns = [schema.job.c[name] for name in KEPT]
    return sa.delete(schema.job).where(*conditions).returning(*columns).cte("gone")


@Statement
def _complete_each(family: str) -> sa.Executable:
    """Move the rows that an object names; it has run and result of each by its id."""
    moved = _copy_completed() if family == "sqlite" else _move_each()
    return moved.execution_options(preserve_rowcount=True)


def _move_each() -> sa.Insert:
    """Return PostgreSQL's statement.

    There is no join: PostgreSQL keeps a plan that it has made while the table was empty, and may go
    through all running jobs for each that has ended.
    """
    job = schema.job.c
    text = sa.cast(parameter("told", type_=sa.Text), postgresql.JSONB)
    told = sa.select(text.label("told")).cte("told").prefix_with("MATERIALIZED")
    ids = sa.select(sa.cast(sa.func.jsonb_object_keys(told.c.told), job.id.type))

    def said(row: Any, at: int) -> sa.ColumnElement[str]:
        whole = sa.select(told.c.told).scalar_subquery()
        of_job = sa.type_coerce(whole, postgresql.JSONB)[sa.cast(row.id, sa.Text)]
        found: sa.ColumnElement[str] = of_job[at].astext
        return found

    gone = _delete_returning(
        job.id == sa.func.any(sa.func.array(ids.scalar_subquery())),
        job.run == sa.cast(said(job, 0), sa.BigInteger),
        is_state(State.RUNNING),
        ~job.is_parent,
    )
    result = sa.cast(said(gone.c, 1), schema.history.c.result.type).label("result")
    return _insert(sa.select(*_moved(gone.c, _COMPLETED), result), "result")


def _copy_completed() -> sa.Insert:
    """Return SQLite's; ``_delete_each`` follows, which finds the same rows."""
    told = _told_runs()
    result = sa.type_coerce(_said(told, 1), sa.Text).label("result")
    moved = sa.select(*_moved(schema.job.c, _COMPLETED), result)
    return _insert(moved.join_from(told, schema.job, _is_told(told)), "result")


@Statement
def _delete_each(_family: str) -> sa.Executable:
    told = _told_runs()
    ids = sa.select(schema.job.c.id).join_from(told, schema.job, _is_told(told))
    return sa.delete(schema.job).where(schema.job.c.id.in_(ids))


def _told_runs() -> sa.TableValuedAlias:
    return sa.func.json_each(parameter("told", type_=sa.Text)).table_valued("key", "value")


def _said(told: sa.TableValuedAlias, at: int) -> sa.ColumnElement[Any]:
    return sa.func.json_extract(told.c.value, sa.literal_column(f"'$[{at}]'"))


def _is_told(told: sa.TableValuedAlias) -> sa.ColumnElement[bool]:
    job = schema.job.c
    return sa.and_(
        job.id == told.c.key,
        job.run == _said(told, 0),
        is_state(State.RUNNING),
        ~job.is_parent,
    )


def _is_run() -> list[sa.ColumnElement[bool]]:
    job = schema.job.c
    return [
        job.id == parameter("job_id"),
        job.run == parameter("run"),
        job.state == parameter("was"),
    ]


@Statement
def _lock_run(family: str) -> sa.Executable:
    query = sa.select(schema.job.c.id).where(*_is_run())
    return query if family == "sqlite" else query.with_for_update()


@Statement
def _lock_childless(family: str) -> sa.Executable:
    query = sa.select(schema.job.c.id).where(*_is_run(), ~schema.job.c.is_parent)
    return query if family == "sqlite" else query.with_for_update()


@Statement
def _delete_run(_family: str) -> sa.Executable:
    return sa.delete(schema.job).where(*_is_run())


@Statement
def _move_run(family: str) -> sa.Executable:
    """Copy the row to the history; on PostgreSQL the row that the same statement deletes."""
    source: Any = schema.job
    if family == "postgresql":
        source = _delete_returning(*_is_run(), ~schema.job.c.is_parent)
    query = sa.select(*_moved(source.c, parameter("state", type_=sa.String)), *_told())
    if family != "postgresql":
        query = query.where(*_is_run())
    return _insert(query, "result", "error").execution_options(preserve_rowcount=True)


def revive(connection: Connection, job_ids: Sequence[str], *, state: State, **changes: Any) -> int:
    """Bring ended jobs back to life as ``state``, with all their attempts before them.

    The run stays and the next claim raises it, so no old attempt can end the new one. ``changes``
    are further columns, as SQL expressions.
    """
    if not job_ids:
        return 0
    held = sa.select(schema.history.c.id).where(schema.history.c.id.in_(job_ids))
    connection.execute(locked(connection, held)).all()  # a child may be coming
    names = [name for name in KEPT if name not in RESET]
    changed = {
        "state": sa.literal(state.value, sa.String),
        "attempt": sa.literal(0),
        "rescues": sa.literal(0),
        **changes,
    }
    moved = [changed.get(name, schema.history.c[name]).label(name) for name in names]
    source = sa.select(*moved).where(schema.history.c.id.in_(job_ids))
    connection.execute(sa.insert(schema.job).from_select(names, source, include_defaults=False))
    gone = sa.delete(schema.history).where(schema.history.c.id.in_(job_ids))
    return connection.execute(gone).rowcount


def cap_result(result: Any, limit: int) -> Any:
    """Return the result, or a note of its size if its JSON has more characters than ``limit``."""
    text = write_result(result, limit)
    return None if text is None else json.loads(text)


def write_result(result: Any, limit: int) -> str | None:
    """Return the JSON of the result, or of a note why it isn't kept."""
    if result is None:
        return None
    try:
        text = _ENCODE(result)
    except (TypeError, ValueError) as error:
        return _ENCODE({"not_kept": f"the result isn't JSON: {error}"})
    if len(text) > limit:
        note = f"the result has {len(text)} characters; the limit is {limit}"
        return _ENCODE({"not_kept": note})
    return text


def cap_error(error: str | None, limit: int = MAX_ERROR) -> str | None:
    """Return the text, cut to what the store keeps, and without what PostgreSQL can't hold."""
    if error is None:
        return None
    text = error.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
