"""Column types that mean the same on SQLite, PostgreSQL and MariaDB / MySQL.

What they are called on MariaDB and MySQL stands here as text: SQLAlchemy's module of that dialect
takes memory in every process that imports it.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator

from coserver_consumer.store.database.json_text import load_json

MYSQL = ("mysql", "mariadb")  # SQLAlchemy's names of the family


class AsciiId(sa.CHAR):
    """A UUID as 36 characters; MariaDB and MySQL needn't keep room for others than these."""


class Bytes(sa.LargeBinary):
    """Bytes, as many as the setting ``max_payload`` allows."""


class LongText(sa.Text):
    """Text of any length: TEXT of MariaDB and MySQL is too short."""


class JsonText(TypeDecorator[Any]):
    """JSON, as text where the database has no type for it."""

    impl = LongText
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Write JSON text."""
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Read JSON text."""
        return None if value is None else load_json(value)


# A UUID, as 36 characters in Python; native where the database has the type.
Id = AsciiId(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
# Text that isn't JSON is read as ``Malformed``, so that one bad row harms no other. JSON comes back
# to the letter, since signatures cover it: PostgreSQL's jsonb would change numbers. PostgreSQL's
# driver reads it by ``load_json`` too.
Json = JsonText().with_variant(postgresql.JSON(none_as_null=True), "postgresql")
Time = sa.BigInteger
Name = sa.String(190)
Site = sa.String(1024).with_variant(sa.String(512), *MYSQL)  # what its indexes take


@compiles(AsciiId, *MYSQL)
def _compile_id(type_: AsciiId, compiler: Any, **options: Any) -> str:
    return f"CHAR({type_.length}) CHARACTER SET ascii COLLATE ascii_bin"


@compiles(Bytes, *MYSQL)
def _compile_bytes(type_: Bytes, compiler: Any, **options: Any) -> str:
    return "LONGBLOB"


@compiles(LongText, *MYSQL)
def _compile_long_text(type_: LongText, compiler: Any, **options: Any) -> str:
    return "LONGTEXT"
