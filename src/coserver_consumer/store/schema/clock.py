"""The database's clock and its ids, as SQL expressions.

Every time in the store is in microseconds since the epoch and comes from here, so that consumers
on machines whose clocks differ agree on what is due. Nothing here depends on a session's time zone.
"""

from __future__ import annotations

from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from coserver_consumer.store.database.family import Family, find_family

SECOND = 1_000_000  # microseconds

MILLISECONDS = {
    Family.SQLITE: "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)",
    Family.POSTGRESQL: "(extract(epoch from statement_timestamp()) * 1000)::bigint",
    Family.MYSQL: "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) DIV 1000)",
}
MICROSECONDS = {
    Family.SQLITE: f"({MILLISECONDS[Family.SQLITE]} * 1000)",
    Family.POSTGRESQL: "((extract(epoch from statement_timestamp()) * 1000000)::bigint)",
    Family.MYSQL: "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)))",
}


class Now(FunctionElement[int]):
    """The database's time now, in microseconds since the epoch."""

    type = sa.BigInteger()
    inherit_cache = True


class NewId(ColumnElement[str]):
    """A UUIDv7 (RFC 9562) made by the database, for rows that come without an id."""

    inherit_cache = True


@compiles(Now)
def _now(element: Now, compiler: SQLCompiler, **kw: Any) -> str:
    return MICROSECONDS[find_family(compiler)]


@compiles(NewId)
def _new_id(element: NewId, compiler: SQLCompiler, **kw: Any) -> str:
    match family := find_family(compiler):
        case Family.SQLITE:
            return _new_id_sqlite()
        case Family.POSTGRESQL:
            return _new_id_postgresql()
        case Family.MYSQL:
            return _new_id_mysql()
        case _:
            assert_never(family)


def _new_id_sqlite() -> str:
    milliseconds = f"printf('%012x', {MILLISECONDS[Family.SQLITE]})"
    return (
        f"(substr({milliseconds}, 1, 8) || '-' || substr({milliseconds}, 9, 4)"
        " || '-7' || substr(lower(hex(randomblob(2))), 1, 3)"
        " || '-' || substr('89ab', 1 + (random() & 3), 1)"
        " || substr(lower(hex(randomblob(2))), 1, 3)"
        " || '-' || lower(hex(randomblob(6))))"
    )


def _new_id_postgresql() -> str:
    milliseconds = f"substring(int8send({MILLISECONDS[Family.POSTGRESQL]}) from 3)"
    stamped = f"overlay(uuid_send(gen_random_uuid()) placing {milliseconds} from 1 for 6)"
    return f"(encode(set_bit(set_bit({stamped}, 52, 1), 53, 1), 'hex')::uuid)"


def _new_id_mysql() -> str:
    milliseconds = f"LPAD(LOWER(HEX({MILLISECONDS[Family.MYSQL]})), 12, '0')"
    noise = "MD5(CONCAT(UUID(), RAND()))"
    return (
        f"(CONCAT(SUBSTR({milliseconds}, 1, 8), '-', SUBSTR({milliseconds}, 9, 4),"
        f" '-7', SUBSTR({noise}, 1, 3), '-', ELT(1 + FLOOR(RAND() * 4), '8', '9', 'a', 'b'),"
        f" SUBSTR({noise}, 1, 3), '-', SUBSTR({noise}, 1, 12)))"
    )
