"""The end of one attempt, guarded by its run and state: a stale consumer changes nothing."""

from __future__ import annotations

from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.model.told_event import TOLD_STATES
from coserver_consumer.protocol.codec import cap_result
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.finish.dependents import end_locked
from coserver_consumer.store.finish.moving import added_columns, insert_moved, select_moved
from coserver_consumer.store.finish.results import MAX_RESULT_CHARS, cap_error
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.fragments import locked, one_transaction


def end_attempt(
    connection: Connection,
    key: RunKey,
    *,
    was: State,
    state: State,
    result: Any = None,
    error: str | None = None,
    max_result: int = MAX_RESULT_CHARS,
) -> bool:
    """End a job as ``state``; return False if it isn't in this run and in state ``was`` any more.

    One round trip on PostgreSQL, unless other jobs wait for it or Zope is told of it.
    """
    added = {"result": cap_result(result, max_result), "error": cap_error(error)}
    is_told = state in TOLD_STATES
    if not is_told and _end_childless(connection, key, was=was, state=state, **added):
        return True
    with one_transaction(connection):
        if not lock_attempt(connection, key, was=was):
            return False
        end_locked(
            connection,
            [key.job_id],
            state=state,
            result=result,
            error=error,
            max_result=max_result,
        )
        return True


def lock_attempt(connection: Connection, key: RunKey, *, was: State) -> bool:
    """Lock the job; return False if it isn't in this run and state any more."""
    found = _lock.execute(connection, job_id=key.job_id, run=key.run, was=was.value)
    return found.scalar() is not None


def _end_childless(
    connection: Connection, key: RunKey, *, was: State, state: State, **added: Any
) -> bool:
    """End the job if it is in this run and state, and no other waits for it."""
    attempt = {"job_id": key.job_id, "run": key.run, "was": was.value}
    match family := find_family(connection):
        case Family.POSTGRESQL:
            moved = _move.execute(connection, **attempt, **added, state=state.value)
            return moved.rowcount == 1
        case Family.SQLITE | Family.MYSQL:
            if _lock_childless.execute(connection, **attempt).scalar() is None:
                return False
            _move.execute(connection, **attempt, **added, state=state.value)
            _delete.execute(connection, **attempt)
            return True
        case _:
            assert_never(family)


def _is_attempt() -> list[sa.ColumnElement[bool]]:
    job = tables.job.c
    return [
        job.id == parameter("job_id"),
        job.run == parameter("run"),
        job.state == parameter("was"),
    ]


@Statement
def _lock(family: Family) -> sa.Executable:
    return locked(family, sa.select(tables.job.c.id).where(*_is_attempt()))


@Statement
def _lock_childless(family: Family) -> sa.Executable:
    query = sa.select(tables.job.c.id).where(*_is_attempt(), ~tables.job.c.is_parent)
    return locked(family, query)


@Statement
def _delete(_family: Family) -> sa.Executable:
    return sa.delete(tables.job).where(*_is_attempt())


@Statement
def _move(family: Family) -> sa.Executable:
    """Copy the row to the history; on PostgreSQL the row that the same statement deletes."""
    where = [*_is_attempt(), ~tables.job.c.is_parent]
    state = parameter("state", type_=sa.String)
    query = select_moved(family, state, *added_columns(), where=where)
    return insert_moved(query, "result", "error")
