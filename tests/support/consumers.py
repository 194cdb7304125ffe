"""Consumers that are known to a database, but aren't there."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.model.job import new_id
from coserver_consumer.store import maintain
from coserver_consumer.store.schema import tables


def register(
    engine: Engine,
    *,
    task: str,
    queues: Sequence[str] = ("default",),
    name: str = "it",
    silence: float = 0.0,
) -> str:
    """Let a consumer be known that has this task and was heard of so many seconds ago."""
    info = maintain.ConsumerInfo(
        id=new_id(),
        name=name,
        hostname="there",
        pid=1,
        version="1",
        queues=tuple(queues),
        tasks=(task,),
        capabilities=(),
        threads=1,
    )
    consumer = tables.consumer.c
    heard = consumer.heartbeat_at - round(silence * store.SECOND)
    with engine.begin() as connection:
        maintain.register(connection, info)
        late = sa.update(tables.consumer).where(consumer.id == info.id)
        connection.execute(late.values(heartbeat_at=heard))
    return info.id


def let_be_silent(engine: Engine, name: str, *, seconds: float) -> None:
    """Have a consumer of this name, which isn't there any more, been heard of so much earlier."""
    consumer = tables.consumer.c
    heard = consumer.heartbeat_at - round(seconds * store.SECOND)
    with engine.begin() as connection:
        late = sa.update(tables.consumer).where(consumer.name == name)
        connection.execute(late.values(heartbeat_at=heard))
