"""Pieces of SQL that several statements share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, TypeVarTuple, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection, CursorResult, Select
from sqlalchemy.sql.expression import ColumnElement

from coserver_consumer.model.job import MAX_COUNT, State
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now

Row = TypeVarTuple("Row")
OnJobs = TypeVar("OnJobs", sa.Select[Any], sa.Update, sa.Delete)

MAX_IDS = 500  # in one statement


def is_state(*states: State) -> ColumnElement[bool]:
    """Return the condition that a live job is in one of these states.

    The names are written into the statement: with bound parameters the database couldn't tell
    that its partial indexes serve.
    """
    names: list[ColumnElement[str]] = [
        sa.literal_column(f"'{state.value}'", sa.String) for state in states
    ]
    if len(names) == 1:
        return tables.job.c.state == names[0]
    return tables.job.c.state.in_(names)


def may_still_begin() -> ColumnElement[bool]:
    """Return the condition that a live job which has never begun hasn't expired."""
    expires_at = tables.job.c.expires_at
    return sa.or_(expires_at.is_(None), expires_at > Now())


def commit_async(family: Family) -> list[ColumnElement[bool]]:
    """Return a condition by which the commit of its statement doesn't wait for the disk.

    It is for what a crash may undo, since the resolver would do it again. Only PostgreSQL has it;
    it is a part of the statement because a SET would cost a round trip.
    """
    match family:
        case Family.POSTGRESQL:
            return [sa.func.set_config("synchronous_commit", "off", True) == "off"]
        case Family.SQLITE | Family.MYSQL:
            return []
        case _:
            assert_never(family)


def locked(family: Family, query: Select[*Row], *, skip: bool = False) -> Select[*Row]:
    """Return the query with its rows locked; SQLite's transaction holds the only lock there is.

    ``skip``: without the rows that others have locked.
    """
    match family:
        case Family.SQLITE:
            return query
        case Family.POSTGRESQL | Family.MYSQL:
            return query.with_for_update(skip_locked=skip)
        case _:
            assert_never(family)


def lock(connection: Connection, query: Select[*Row], *, skip: bool = False) -> CursorResult[*Row]:
    """Run the query and lock its rows until the transaction ends; see ``locked``."""
    return connection.execute(locked(find_family(connection), query, skip=skip))


def by_index(family: Family, statement: OnJobs, index: str = "PRIMARY") -> OnJobs:
    """Return the statement on live jobs with a hint: MariaDB is to find them in this index.

    For some hundreds of a few thousand jobs MariaDB would rather read the table as a whole: with
    all that was deleted and can't be cleaned yet, and waiting for what other consumers have locked.
    """
    match family:
        case Family.MYSQL:
            return _with_hint(statement, f"FORCE INDEX ({index})")
        case Family.SQLITE | Family.POSTGRESQL:
            return statement
        case _:
            assert_never(family)


def _with_hint(statement: OnJobs, hint: str) -> OnJobs:
    if isinstance(statement, sa.Select):
        return statement.with_hint(tables.job, hint)
    if isinstance(statement, sa.Delete):  # which takes a hint only in its form for several tables
        statement = statement.prefix_with(tables.job.name)
    return statement.with_hint(hint, tables.job)


def count_up(column: ColumnElement[int], by: Any = 1) -> ColumnElement[int]:
    """Return the number that is so much higher, at most the highest that the database takes.

    Another program may have written one that can't be raised any more: it mustn't stop the others
    of the same statement.
    """
    return sa.case((column > MAX_COUNT - by, MAX_COUNT), else_=column + by)


def count_down(column: ColumnElement[int], by: Any = 1) -> ColumnElement[int]:
    """Return the number that is so much lower, at least 0."""
    return sa.case((column < by, 0), else_=column - by)


@contextmanager
def one_transaction(connection: Connection) -> Iterator[None]:
    """Make one transaction of the block, also where each statement is one by itself."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        yield
        return
    connection.exec_driver_sql("BEGIN")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def insert_unless_there(connection: Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
    """Insert a row; do nothing if another row has the same in unique columns."""
    connection.execute(_insert_or_nothing(find_family(connection), table).values(row))


def _insert_or_nothing(family: Family, table: sa.Table) -> sa.Insert:
    """Return the statement, with the dialect of no other database imported: each takes memory."""
    match family:
        case Family.POSTGRESQL:
            from sqlalchemy.dialects import postgresql

            return postgresql.insert(table).on_conflict_do_nothing()
        case Family.SQLITE:
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table).on_conflict_do_nothing()
        case Family.MYSQL:
            from sqlalchemy.dialects import mysql

            key = next(iter(table.primary_key))
            return mysql.insert(table).on_duplicate_key_update({key.name: key})
        case _:
            assert_never(family)


def look_once(connection: Connection, queries: Sequence[Select[Any]]) -> Sequence[Any]:
    """Return the rows of all these queries, which the database sees as of one moment.

    A job that ends meanwhile, or runs again, is so in one table of the two: in READ COMMITTED the
    second of two statements would see it again, or see it no more. The first query has the types.
    """
    return connection.execute(sa.union_all(*queries)).all() if queries else []


def pages(ids: Iterable[str]) -> list[list[str]]:
    """Return the ids in lists that are short enough for a statement."""
    every = list(ids)
    return [every[start : start + MAX_IDS] for start in range(0, len(every), MAX_IDS)]
