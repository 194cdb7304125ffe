"""The families of databases: those that are spoken to alike.

Who builds a statement is handed the family, and a ``match`` over it ends with ``assert_never``.
"""

from __future__ import annotations

from enum import Enum

from sqlalchemy import Connection, Engine
from sqlalchemy.sql.compiler import SQLCompiler

from coserver_consumer.model.errors import ConfigurationError


class Family(Enum):
    """SQLite, PostgreSQL, or MySQL together with MariaDB."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    MYSQL = "mysql"


_BY_DIALECT = {family.value: family for family in Family} | {"mariadb": Family.MYSQL}


def find_family(place: Connection | Engine | SQLCompiler) -> Family:
    """Return the family of the database that a connection, an engine or a compiler is for."""
    return name_family(place.dialect.name)


def name_family(dialect: str) -> Family:
    """Return the family of SQLAlchemy's dialect with this name; raise ``ConfigurationError``."""
    try:
        return _BY_DIALECT[dialect]
    except KeyError:
        raise ConfigurationError(
            f"A queue can be in SQLite, PostgreSQL, MariaDB or MySQL, not in {dialect}."
        ) from None
