"""Column types that mean the same on SQLite, PostgreSQL and MariaDB / MySQL."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from coserver_consumer.store.database.json_text import load_json

MYSQL = ("mysql", "mariadb")  # SQLAlchemy's names of the family


class JsonText(TypeDecorator[Any]):
    """JSON, as text where the database has no type for it."""

    impl = sa.Text().with_variant(mysql.LONGTEXT(charset="utf8mb4"), *MYSQL)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Write JSON text."""
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Read what a row holds."""
        return None if value is None else load_json(value)


# A UUID, as 36 characters in Python; native where the database has the type.
Id = (
    sa.CHAR(36)
    .with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    .with_variant(mysql.CHAR(36, charset="ascii", collation="ascii_bin"), *MYSQL)
)
# Text that isn't JSON is read as ``Malformed``, so that one bad row harms no other. JSON comes back
# to the letter, since signatures cover it: PostgreSQL's jsonb would change numbers. PostgreSQL's
# driver reads it by ``load_json`` too.
Json = JsonText().with_variant(postgresql.JSON(none_as_null=True), "postgresql")
Time = sa.BigInteger
Name = sa.String(190)
Site = sa.String(1024).with_variant(sa.String(512), *MYSQL)  # what its indexes take
Bytes = sa.LargeBinary().with_variant(mysql.LONGBLOB(), *MYSQL)
LongText = sa.Text().with_variant(mysql.LONGTEXT(), *MYSQL)
