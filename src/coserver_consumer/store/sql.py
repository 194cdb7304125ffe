"""Pieces of SQL that several statements share."""

from __future__ import annotations

from typing import TypeVarTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Select
from sqlalchemy.sql.expression import ColumnElement

from coserver_consumer.job import State
from coserver_consumer.store import schema

Row = TypeVarTuple("Row")


def is_state(*states: State) -> ColumnElement[bool]:
    """Return the condition that a live job is in one of these states.

    The names are written into the statement: with bound parameters the database couldn't tell
    that its partial indexes serve.
    """
    names: list[ColumnElement[str]] = [
        sa.literal_column(f"'{state.value}'", sa.String) for state in states
    ]
    if len(names) == 1:
        return schema.job.c.state == names[0]
    return schema.job.c.state.in_(names)


def lazily(dialect: str) -> list[ColumnElement[bool]]:
    """Return a condition by which the commit of its statement doesn't wait for the disk.

    For what a crash may undo because the evidence tells it again. It is PostgreSQL's alone, and a
    part of the statement because a SET would cost a round trip.
    """
    if dialect != "postgresql":
        return []
    return [sa.func.set_config("synchronous_commit", "off", True) == "off"]


def locked(connection: Connection, query: Select[*Row], *, skip: bool = False) -> Select[*Row]:
    """Return the query with its rows locked; SQLite's transaction holds the only lock there is."""
    if connection.dialect.name == "sqlite":
        return query
    return query.with_for_update(skip_locked=skip)
