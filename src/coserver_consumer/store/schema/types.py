"""Column types that mean the same on SQLite, PostgreSQL and MariaDB / MySQL."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

SPACE = " \t\n\r"  # what JSON takes for it
_decode = json.JSONDecoder().raw_decode  # json.loads takes detours


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


class Malformed(str):
    """Text in a JSON column that isn't JSON; some other program wrote it."""

    __slots__ = ()


def load_json(text: str | bytes) -> Any:
    """Return what JSON text says; ``Malformed`` for text that isn't JSON, or that Python refuses.

    It refuses numbers of more than 4,300 digits, and what is nested too deeply.
    """
    said = text if isinstance(text, str) else read_text(text)
    whole = said.strip(SPACE)
    try:
        value, end = _decode(whole)
    except (ValueError, RecursionError):
        return Malformed(said)
    return value if end == len(whole) else Malformed(said)


def read_text(data: bytes | memoryview) -> str:
    r"""Return text; bytes that aren't UTF-8 as ``\xfc``, so that JSON with such isn't JSON."""
    return str(data, "utf-8", "backslashreplace")


Time = sa.BigInteger
Name = sa.String(190)
Site = sa.String(1024).with_variant(sa.String(512), "mysql", "mariadb")  # what its indexes take
Bytes = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
LongText = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def _ascii_char(dialect: Dialect, length: int) -> TypeEngine[Any]:
    if dialect.name in ("mysql", "mariadb"):
        return mysql.CHAR(length, charset="ascii", collation="ascii_bin")
    return sa.CHAR(length)
