"""The pieces of statements that move a job's row from the live table to the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import sqlalchemy as sa

from coserver_consumer.store.database.family import Family
from coserver_consumer.store.database.statement import parameter
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.rows import KEPT


def ended_columns(source: Any, state: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """Return what a history row takes from a live one, which ends in this state."""
    return [state.label(name) if name == "state" else source[name] for name in KEPT]


def added_columns() -> list[sa.ColumnElement[Any]]:
    """Return what a history row has beside, as the parameters ``result`` and ``error``."""
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
    insert = sa.insert(tables.history).from_select([*KEPT, *names], source, include_defaults=False)
    return insert.execution_options(preserve_rowcount=True)
