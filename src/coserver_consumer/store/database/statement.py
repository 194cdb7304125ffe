"""Statements that every job needs, built once instead of anew each time.

Statements are built in one way. What every job needs is a ``Statement``: a function builds it, once
for each family of databases, and its values come as ``parameter``. What is asked less often is
built where it is run. In both, what differs between databases is a function that is handed the
``Family``; most of these are in ``schema.fragments``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection, CursorResult
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect

from coserver_consumer.store.database.family import Family, find_family

PREFIX = "b_"  # SQLAlchemy keeps the bare names for columns
READING_DRIVERS = ("psycopg",)
PLAIN_DRIVERS = (*READING_DRIVERS, "pysqlite")


class Statement:
    """A statement with parameters; ``build`` is handed the family of databases that it is for.

    To build one in Python takes longer than PostgreSQL takes to run it.
    """

    def __init__(self, build: Callable[[Family], Any]) -> None:
        self._built = cache(build)
        self._plain: dict[str, Plain] = {}

    def execute(self, connection: Connection, **parameters: Any) -> CursorResult[Any]:
        """Run it in the connection's transaction, with these values of its ``parameter``s."""
        statement = self._built(find_family(connection))
        result: CursorResult[Any] = connection.execute(statement, _to_bound(parameters))
        return result

    def execute_many(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run it for each row of values."""
        statement = self._built(find_family(connection))
        connection.execute(statement, [_to_bound(row) for row in rows])

    def fetch(self, connection: Connection, **parameters: Any) -> Sequence[Sequence[Any]]:
        """Do as ``execute`` and return all rows, with less ado for each value."""
        dialect = connection.dialect
        if dialect.driver not in PLAIN_DRIVERS:
            return self.execute(connection, **parameters).all()
        plain = self._plain.get(dialect.driver)
        if plain is None:
            built = self._built(find_family(connection))
            plain = self._plain[dialect.driver] = Plain(built, dialect)
        return plain.fetch(connection, parameters)


class Plain:
    """A statement as the driver takes it, and its rows as the driver gives them.

    psycopg has read their values as they are to be (see ``engine``). What sqlite3 gives is read
    here, but for the many columns that are empty or need no reading.
    """

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._order: Sequence[str] | None = compiled.positiontup
        self._constants: dict[str, Any] = compiled.params
        self._writers = {
            name: writer
            for name, bind in compiled.binds.items()
            if (writer := bind.type.dialect_impl(dialect).bind_processor(dialect))
        }
        self._readers = [
            (number, reader)
            for number, column in enumerate(statement.exported_columns)
            if dialect.driver not in READING_DRIVERS
            if (reader := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    def fetch(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Sequence[Any]]:
        """Run it and return all rows."""
        values = {**self._constants, **_to_bound(parameters)}
        for name, write in self._writers.items():
            values[name] = write(values[name])
        sent = values if self._order is None else tuple(values[name] for name in self._order)
        rows = connection.exec_driver_sql(self._text, sent).all()
        return list(map(self._read, rows)) if self._readers else list(rows)

    def _read(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for number, read in self._readers:
            if values[number] is not None:
                values[number] = read(values[number])
        return values


def _to_bound(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{PREFIX}{name}": value for name, value in parameters.items()}


def parameter(name: str, **kw: Any) -> sa.BindParameter[Any]:
    """Return what stands for a value that ``Statement.execute`` is given."""
    return sa.bindparam(f"{PREFIX}{name}", **kw)


def is_one_of(family: Family, column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    """Return the condition that the column has one of the values of a list.

    PostgreSQL takes the list as one parameter and SQLite as one of JSON, so that the statement
    stays the same.
    """
    match family:
        case Family.POSTGRESQL:
            return column == sa.func.any(parameter(name, type_=postgresql.ARRAY(column.type)))
        case Family.SQLITE:
            each = sa.func.json_each(parameter(name, type_=sa.JSON)).table_valued("value")
            return column.in_(sa.select(each.c.value))
        case Family.MYSQL:
            return column.in_(parameter(name, expanding=True))
        case _:
            assert_never(family)
