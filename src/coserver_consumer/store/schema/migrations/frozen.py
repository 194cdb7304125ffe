"""Column types and defaults as the revisions have used them.

Nothing in here changes when today's tables do: what an old revision makes must stay the same.
"""

from __future__ import annotations

from typing import Any, assert_never

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql

from coserver_consumer.store.database.family import Family, find_family

_MYSQL = ("mysql", "mariadb")  # SQLAlchemy's names of the family

Id = (
    sa.CHAR(36)
    .with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    .with_variant(mysql.CHAR(36, charset="ascii", collation="ascii_bin"), *_MYSQL)
)
Json = (
    sa.Text()
    .with_variant(postgresql.JSON(), "postgresql")
    .with_variant(mysql.LONGTEXT(charset="utf8mb4"), *_MYSQL)
)
Time = sa.BigInteger
Name = sa.String(190)
Bytes = sa.LargeBinary().with_variant(mysql.LONGBLOB(), *_MYSQL)
LongText = sa.Text().with_variant(mysql.LONGTEXT(), *_MYSQL)


def find_kind() -> Family:
    """Return which kind of database is being upgraded."""
    return find_family(op.get_bind())


def make_serial() -> sa.Column[Any]:
    """Return an id that the database counts up."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("id", number, primary_key=True, autoincrement=True)


def make_index(name: str, table: str, columns: list[str], where: str) -> None:
    """Make an index that is partial on PostgreSQL and SQLite and whole elsewhere."""
    condition = sa.text(where)
    op.create_index(
        f"coserver_{name}",
        f"coserver_{table}",
        columns,
        postgresql_where=condition,
        sqlite_where=condition,
    )


def now() -> sa.TextClause:
    """Return the default of a time: the database's now, in microseconds since the epoch."""
    match kind := find_kind():
        case Family.SQLITE:
            return sa.text(f"({_milliseconds(kind)} * 1000)")
        case Family.POSTGRESQL:
            return sa.text("((extract(epoch from statement_timestamp()) * 1000000)::bigint)")
        case Family.MYSQL:
            start = "'1970-01-01 00:00:00'"
            return sa.text(f"(TIMESTAMPDIFF(MICROSECOND, {start}, UTC_TIMESTAMP(6)))")
        case _:
            assert_never(kind)


def new_id() -> sa.TextClause:
    """Return the default of a job's id: a UUIDv7 (RFC 9562) that the database makes."""
    kind = find_kind()
    milliseconds = _milliseconds(kind)
    match kind:
        case Family.SQLITE:
            return sa.text(_make_id_on_sqlite(f"printf('%012x', {milliseconds})"))
        case Family.POSTGRESQL:
            return sa.text(_make_id_on_postgresql(f"substring(int8send({milliseconds}) from 3)"))
        case Family.MYSQL:
            return sa.text(_make_id_on_mysql(f"LPAD(LOWER(HEX({milliseconds})), 12, '0')"))
        case _:
            assert_never(kind)


def _milliseconds(kind: Family) -> str:
    match kind:
        case Family.SQLITE:
            return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"
        case Family.POSTGRESQL:
            return "(extract(epoch from statement_timestamp()) * 1000)::bigint"
        case Family.MYSQL:
            start = "'1970-01-01 00:00:00'"
            return f"(TIMESTAMPDIFF(MICROSECOND, {start}, UTC_TIMESTAMP(6)) DIV 1000)"
        case _:
            assert_never(kind)


def _make_id_on_sqlite(time: str) -> str:
    return (
        f"(substr({time}, 1, 8) || '-' || substr({time}, 9, 4)"
        " || '-7' || substr(lower(hex(randomblob(2))), 1, 3)"
        " || '-' || substr('89ab', 1 + (random() & 3), 1)"
        " || substr(lower(hex(randomblob(2))), 1, 3)"
        " || '-' || lower(hex(randomblob(6))))"
    )


def _make_id_on_postgresql(time: str) -> str:
    stamped = f"overlay(uuid_send(gen_random_uuid()) placing {time} from 1 for 6)"
    return f"(encode(set_bit(set_bit({stamped}, 52, 1), 53, 1), 'hex')::uuid)"


def _make_id_on_mysql(time: str) -> str:
    noise = "MD5(CONCAT(UUID(), RAND()))"
    return (
        f"(CONCAT(SUBSTR({time}, 1, 8), '-', SUBSTR({time}, 9, 4),"
        f" '-7', SUBSTR({noise}, 1, 3), '-', ELT(1 + FLOOR(RAND() * 4), '8', '9', 'a', 'b'),"
        f" SUBSTR({noise}, 1, 3), '-', SUBSTR({noise}, 1, 12)))"
    )
