"""Column types that mean the same on SQLite, PostgreSQL and MariaDB / MySQL."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from coserver_consumer.store.database.json_text import load_json


class Id(TypeDecorator[str]):
    """A UUID, as 36 characters in Python; native where the database has the type."""

    impl = sa.CHAR(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column's type on this database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=False))
        return dialect.type_descriptor(_ascii_char(dialect, 36))


class Json(TypeDecorator[Any]):
    """JSON; text that isn't JSON is read as ``Malformed``, so that one bad row harms no other.

    It comes back to the letter: signatures cover it. (PostgreSQL's jsonb would change numbers.)
    """

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column's type on this database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.JSON(none_as_null=True))
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.LONGTEXT(charset="utf8mb4"))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Write JSON text, where the database has no type for it."""
        if value is None or dialect.name == "postgresql":
            return value
        return json.dumps(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Read what a row holds."""
        if value is None or dialect.name == "postgresql":
            return value  # the driver has read it, by ``load_json``
        return load_json(value)


Time = sa.BigInteger
Name = sa.String(190)
Site = sa.String(1024).with_variant(sa.String(512), "mysql", "mariadb")  # what its indexes take
Bytes = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
LongText = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def _ascii_char(dialect: Dialect, length: int) -> TypeEngine[Any]:
    if dialect.name in ("mysql", "mariadb"):
        return mysql.CHAR(length, charset="ascii", collation="ascii_bin")
    return sa.CHAR(length)
