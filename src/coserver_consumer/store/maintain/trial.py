"""A trial whether the database takes what a consumer writes; nothing of it stays."""

from __future__ import annotations

from typing import assert_never

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from coserver_consumer.model.job import new_id
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.maintain.leases import ConsumerInfo, register
from coserver_consumer.store.schema import tables

PADDING = "." * 20_000  # characters: SQLite must find new pages for them


def try_to_write(engine: Engine) -> None:
    """Write a row that nobody ever sees; raise what the database says if it doesn't take it.

    SQLite finds only at the end of a transaction that its disk is full. So that one is committed,
    the row taken back in it; elsewhere it is rolled back.
    """
    row = ConsumerInfo(
        id=new_id(),
        name="a trial",
        hostname="",
        pid=0,
        queues=(),
        tasks=(),
        capabilities=(PADDING,),
        threads=0,
        version="",
    )
    with engine.connect() as connection:
        register(connection, row)
        match family := find_family(engine):
            case Family.SQLITE:
                _delete(connection, row.id)
                connection.commit()
            case Family.POSTGRESQL | Family.MYSQL:
                connection.rollback()
            case _:
                assert_never(family)


def _delete(connection: Connection, row_id: str) -> None:
    connection.execute(sa.delete(tables.consumer).where(tables.consumer.c.id == row_id))
