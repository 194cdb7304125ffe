"""Many endings at once: what most are, jobs that are completed and for which nobody waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.protocol.codec import dump_json, dump_result
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.statement import Statement, is_one_of, parameter
from coserver_consumer.store.finish.moving import (
    delete_returning,
    ended_columns,
    insert_moved,
    select_moved,
)
from coserver_consumer.store.finish.results import MAX_RESULT_CHARS
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.fragments import is_state

NOT_ON_MARIADB = "On MariaDB attempts are ended one kind after another."

_COMPLETED: sa.ColumnElement[str] = sa.literal_column(f"'{State.COMPLETED.value}'")


def complete_childless(
    connection: Connection, results: Mapping[RunKey, Any], *, max_result: int = MAX_RESULT_CHARS
) -> bool:
    """Complete running jobs that no other waits for, all in one statement or two.

    Returns False if that wasn't so for some of them, which stay as they are. MariaDB has no
    statements for this.
    """
    runs = {run for _, run in results}
    if len(runs) == 1 and not any(result is not None for result in results.values()):
        alike = {"ids": [job_id for job_id, _ in results], "run": runs.pop()}
        return _move(connection, _move_alike, _delete_alike, alike) == len(results)
    attempts = {
        job_id: [run, None if result is None else dump_result(result, max_result)]
        for (job_id, run), result in results.items()
    }
    each = {"attempts": dump_json(attempts)}
    return _move(connection, _move_each, _delete_each, each) == len(results)


def _move(
    connection: Connection, move: Statement, delete: Statement, values: dict[str, Any]
) -> int:
    """Return how many rows were moved; on PostgreSQL ``move`` deletes them too."""
    moved = move.execute(connection, **values)
    match family := find_family(connection):
        case Family.POSTGRESQL:
            pass
        case Family.SQLITE:
            delete.execute(connection, **values)
        case Family.MYSQL:
            raise NotImplementedError(NOT_ON_MARIADB)
        case _:
            assert_never(family)
    return moved.rowcount


@Statement
def _move_alike(family: Family) -> sa.Executable:
    """Move the rows of these jobs in the same run, which have no results: what most jobs are."""
    return insert_moved(select_moved(family, _COMPLETED, where=_are_alike(family)))


@Statement
def _delete_alike(family: Family) -> sa.Executable:
    return sa.delete(tables.job).where(*_are_alike(family))


def _are_alike(family: Family) -> list[sa.ColumnElement[bool]]:
    job = tables.job.c
    is_ours = [is_one_of(family, job.id, "ids"), job.run == parameter("run")]
    return [*is_ours, is_state(State.RUNNING), ~job.is_parent]


@Statement
def _move_each(family: Family) -> sa.Executable:
    """Move the rows whose ids an object names; it has run and result of each."""
    match family:
        case Family.SQLITE:
            return _copy_on_sqlite()
        case Family.POSTGRESQL:
            return _move_on_postgresql()
        case Family.MYSQL:
            raise NotImplementedError(NOT_ON_MARIADB)
        case _:
            assert_never(family)


def _move_on_postgresql() -> sa.Insert:
    """Return the statement that moves the rows.

    There is no join: PostgreSQL keeps a plan that it has made while the table was empty, and may go
    through all running jobs for each that has ended.
    """
    job = tables.job.c
    text = sa.cast(parameter("attempts", type_=sa.Text), postgresql.JSONB)
    named = sa.select(text.label("attempts")).cte("named").prefix_with("MATERIALIZED")
    ids = sa.select(sa.cast(sa.func.jsonb_object_keys(named.c.attempts), job.id.type))

    def read(row: Any, at: int) -> sa.ColumnElement[str]:
        attempts = sa.select(named.c.attempts).scalar_subquery()
        attempt = sa.type_coerce(attempts, postgresql.JSONB)[sa.cast(row.id, sa.Text)]
        found: sa.ColumnElement[str] = attempt[at].astext
        return found

    gone = delete_returning(
        job.id == sa.func.any(sa.func.array(ids.scalar_subquery())),
        job.run == sa.cast(read(job, 0), sa.BigInteger),
        is_state(State.RUNNING),
        ~job.is_parent,
    )
    result = sa.cast(read(gone.c, 1), tables.history.c.result.type).label("result")
    return insert_moved(sa.select(*ended_columns(gone.c, _COMPLETED), result), "result")


def _copy_on_sqlite() -> sa.Insert:
    """Return the statement that copies the rows; ``_delete_each`` finds the same ones after it."""
    named = _named_attempts()
    result = sa.type_coerce(_read(named, 1), sa.Text).label("result")
    query = sa.select(*ended_columns(tables.job.c, _COMPLETED), result)
    return insert_moved(query.join_from(named, tables.job, _is_named(named)), "result")


@Statement
def _delete_each(_family: Family) -> sa.Executable:
    named = _named_attempts()
    ids = sa.select(tables.job.c.id).join_from(named, tables.job, _is_named(named))
    return sa.delete(tables.job).where(tables.job.c.id.in_(ids))


def _named_attempts() -> sa.TableValuedAlias:
    return sa.func.json_each(parameter("attempts", type_=sa.Text)).table_valued("key", "value")


def _read(named: sa.TableValuedAlias, at: int) -> sa.ColumnElement[Any]:
    return sa.func.json_extract(named.c.value, sa.literal_column(f"'$[{at}]'"))


def _is_named(named: sa.TableValuedAlias) -> sa.ColumnElement[bool]:
    job = tables.job.c
    return sa.and_(
        job.id == named.c.key,
        job.run == _read(named, 0),
        is_state(State.RUNNING),
        ~job.is_parent,
    )
