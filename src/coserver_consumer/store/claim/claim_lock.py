"""Turns: no more than two large claims go at once.

A claim steps over the rows that others are just taking; many large ones would do little else.
SQLite has one writer at a time anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import assert_never

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.store.database.family import Family, find_family

LARGE = 400  # jobs
NUMBERS = (0x636F73727663, 0x636F73727664)  # PostgreSQL's advisory locks have numbers
PATIENCE = 5  # seconds, after which a claim on MariaDB goes on without a turn


@contextmanager
def in_turn(connection: Connection, limit: int) -> Iterator[None]:
    """Make a claim of up to ``limit`` jobs in here, before which it has taken no lock of its own.

    On PostgreSQL the turn lasts until the transaction ends. MariaDB's locks by name know nothing of
    transactions; the turn is over with the claim there, a moment before the commit.
    """
    if limit < LARGE:
        yield
        return
    match family := find_family(connection):
        case Family.SQLITE:
            yield
        case Family.POSTGRESQL:
            connection.execute(_WAIT_ON_POSTGRESQL)
            yield
        case Family.MYSQL:
            connection.execute(_WAIT_ON_MARIADB)
            try:
                yield
            finally:
                if not connection.invalidated:  # it has none any more if it broke
                    connection.execute(_END_ON_MARIADB)
        case _:
            assert_never(family)


def name_of(turn: int) -> str:
    """Return the SQL of MariaDB's name for a turn, 0 or 1; all databases of a server share them."""
    return f"CONCAT('coserver.', MD5(DATABASE()), '.{turn}')"


_WAIT_ON_POSTGRESQL = sa.text(
    f"SELECT CASE WHEN NOT pg_try_advisory_xact_lock({NUMBERS[0]})"
    f" THEN pg_advisory_xact_lock({NUMBERS[1]}) END"
)
_WAIT_ON_MARIADB = sa.text(
    f"SELECT CASE WHEN GET_LOCK({name_of(0)}, 0) = 1 THEN 1"
    f" ELSE GET_LOCK({name_of(1)}, {PATIENCE}) END"
)
_END_ON_MARIADB = sa.text(f"SELECT RELEASE_LOCK({name_of(0)}), RELEASE_LOCK({name_of(1)})")
