"""The statements that write new rows, many at once where the database can."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.schema import tables

MAX_ROWS = 1000  # in one statement
MAX_NAMED = 10  # jobs that a message names
JSON_COLUMNS = frozenset({"args", "origin", "evidence", "parents"})
AS_TEXT = JSON_COLUMNS | {"payload"}
INSERT = sa.insert(tables.job)


def insert_rows(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that hold no unique key; raise ``InvalidJob`` if one of them is there already."""
    try:
        _insert_all(connection, rows)
    except IntegrityError:
        raise _queued_before([row["id"] for row in rows]) from None  # it has the statement's values


def _queued_before(job_ids: Sequence[str]) -> InvalidJob:
    named = ", ".join(job_ids[:MAX_NAMED]) + (", ..." if len(job_ids) > MAX_NAMED else "")
    return InvalidJob(
        f"A job can be queued once, and {'this' if len(job_ids) == 1 else 'one of these'} was "
        f"queued before: {named}. Make another one."
    )


def refuse_live(connection: Connection, job_ids: Sequence[str]) -> None:
    """Raise ``InvalidJob`` if a live job has one of these ids, whatever unique key it holds."""
    if not job_ids:
        return
    query = sa.select(tables.job.c.id).where(tables.job.c.id.in_(job_ids))
    if live := list(connection.execute(query).scalars()):
        raise _queued_before(live)


def refuse_ended(connection: Connection, job_ids: Sequence[str]) -> None:
    """Raise ``InvalidJob`` if a job with one of these ids has ended: the id would name two jobs."""
    if not job_ids:
        return
    query = sa.select(tables.history.c.id).where(tables.history.c.id.in_(job_ids)).limit(1)
    ended = connection.execute(query).scalar()
    if ended is not None:
        raise InvalidJob(
            f"Job {ended} was queued before, and has ended. Choose another id, or run that job "
            "again by retry."
        )


def _insert_all(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows in as few statements as the database allows."""
    if not rows:
        return
    if len(rows) == 1:
        connection.execute(INSERT, rows[0])
        return
    match family := find_family(connection):
        case Family.SQLITE | Family.MYSQL:
            connection.execute(INSERT, rows)
        case Family.POSTGRESQL:
            for start in range(0, len(rows), MAX_ROWS):
                page = [_spell(row) for row in rows[start : start + MAX_ROWS]]
                _insert_as_json(tuple(page[0])).execute(connection, rows=json.dumps(page))
        case _:
            assert_never(family)


def _spell(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row as JSON has it.

    What is JSON itself goes as text in it: PostgreSQL's functions read a row, and they refuse the
    escapes of a NUL and of a lone surrogate, which its type keeps to the letter.
    """
    payload = row["payload"]
    texts = {name: _spell_json(row[name]) for name in row.keys() & JSON_COLUMNS}
    return row | texts | {"payload": None if payload is None else payload.hex()}


def _spell_json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


@cache
def _insert_as_json(names: tuple[str, ...]) -> Statement:
    """Return the statement that inserts a list of rows with these columns, which is one value.

    As many parameters as cells take the driver ten times as long as PostgreSQL takes for the rows.
    """

    def build(_family: Family) -> sa.Executable:
        columns = [sa.column(name, _type_in_json(name)) for name in names]
        rows = sa.func.json_to_recordset(sa.cast(parameter("rows", type_=sa.Text), postgresql.JSON))
        spelt = rows.table_valued(*columns).render_derived(name="spelt", with_types=True)
        values = [_read(spelt.c[name], name) for name in names]
        return sa.insert(tables.job).from_select(names, sa.select(*values), include_defaults=False)

    return Statement(build)


def _read(spelt: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[Any]:
    """Return the column's value for what ``_spell`` has made of it."""
    if name in JSON_COLUMNS:
        return sa.cast(spelt, postgresql.JSON)
    return sa.func.decode(spelt, "hex") if name == "payload" else spelt


def _type_in_json(name: str) -> Any:
    return sa.Text() if name in AS_TEXT else tables.job.c[name].type
