"""Many endings at once: what most are, jobs that are completed and for which nobody waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.statement import Statement, is_one_of, parameter
from coserver_consumer.store.finish.history import (
    MAX_RESULT,
    delete_returning,
    encode,
    ended_columns,
    insert_moved,
    select_moved,
    write_result,
)
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.fragments import is_state

_COMPLETED: sa.ColumnElement[str] = sa.literal_column(f"'{State.COMPLETED.value}'")


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
    each = {"told": encode(told)}
    return _move_completed(connection, _complete_each, _delete_each, each) == len(results)


def _move_completed(
    connection: Connection, move: Statement, delete: Statement, told: dict[str, Any]
) -> int:
    """Return how many rows were moved; on PostgreSQL ``move`` deletes them too."""
    moved = move.execute(connection, **told)
    if find_family(connection) is Family.SQLITE:
        delete.execute(connection, **told)
    return moved.rowcount


@Statement
def _complete_alike(family: Family) -> sa.Executable:
    """Move the rows of these jobs in the same run, which have no results: what most jobs are."""
    query = select_moved(family, _COMPLETED, where=_are_alike(family))
    return insert_moved(query).execution_options(preserve_rowcount=True)


@Statement
def _delete_alike(family: Family) -> sa.Executable:
    return sa.delete(tables.job).where(*_are_alike(family))


def _are_alike(family: Family) -> list[sa.ColumnElement[bool]]:
    job = tables.job.c
    is_ours = [is_one_of(family, job.id, "ids"), job.run == parameter("run")]
    return [*is_ours, is_state(State.RUNNING), ~job.is_parent]


@Statement
def _complete_each(family: Family) -> sa.Executable:
    """Move the rows that an object names; it has run and result of each by its id."""
    return _move_told(family).execution_options(preserve_rowcount=True)


def _move_told(family: Family) -> sa.Insert:
    match family:
        case Family.SQLITE:
            return _copy_completed()
        case Family.POSTGRESQL:
            return _move_each()
        case Family.MYSQL:
            raise NotImplementedError("MariaDB has no statement for this.")
        case _:
            assert_never(family)


def _move_each() -> sa.Insert:
    """Return PostgreSQL's statement.

    There is no join: PostgreSQL keeps a plan that it has made while the table was empty, and may go
    through all running jobs for each that has ended.
    """
    job = tables.job.c
    text = sa.cast(parameter("told", type_=sa.Text), postgresql.JSONB)
    told = sa.select(text.label("told")).cte("told").prefix_with("MATERIALIZED")
    ids = sa.select(sa.cast(sa.func.jsonb_object_keys(told.c.told), job.id.type))

    def said(row: Any, at: int) -> sa.ColumnElement[str]:
        whole = sa.select(told.c.told).scalar_subquery()
        of_job = sa.type_coerce(whole, postgresql.JSONB)[sa.cast(row.id, sa.Text)]
        found: sa.ColumnElement[str] = of_job[at].astext
        return found

    gone = delete_returning(
        job.id == sa.func.any(sa.func.array(ids.scalar_subquery())),
        job.run == sa.cast(said(job, 0), sa.BigInteger),
        is_state(State.RUNNING),
        ~job.is_parent,
    )
    result = sa.cast(said(gone.c, 1), tables.history.c.result.type).label("result")
    return insert_moved(sa.select(*ended_columns(gone.c, _COMPLETED), result), "result")


def _copy_completed() -> sa.Insert:
    """Return SQLite's; ``_delete_each`` follows, which finds the same rows."""
    told = _told_runs()
    result = sa.type_coerce(_said(told, 1), sa.Text).label("result")
    query = sa.select(*ended_columns(tables.job.c, _COMPLETED), result)
    return insert_moved(query.join_from(told, tables.job, _is_told(told)), "result")


@Statement
def _delete_each(_family: Family) -> sa.Executable:
    told = _told_runs()
    ids = sa.select(tables.job.c.id).join_from(told, tables.job, _is_told(told))
    return sa.delete(tables.job).where(tables.job.c.id.in_(ids))


def _told_runs() -> sa.TableValuedAlias:
    return sa.func.json_each(parameter("told", type_=sa.Text)).table_valued("key", "value")


def _said(told: sa.TableValuedAlias, at: int) -> sa.ColumnElement[Any]:
    return sa.func.json_extract(told.c.value, sa.literal_column(f"'$[{at}]'"))


def _is_told(told: sa.TableValuedAlias) -> sa.ColumnElement[bool]:
    job = tables.job.c
    return sa.and_(
        job.id == told.c.key,
        job.run == _said(told, 0),
        is_state(State.RUNNING),
        ~job.is_parent,
    )
