"""Queues and the consumers that serve them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.errors import InvalidJob
from coserver_consumer.store import schema
from coserver_consumer.store.clock import SECOND, Now

NAME_LENGTH = 190


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A consumer as the store knows it. ``age``: seconds since its last heartbeat."""

    id: str
    name: str
    hostname: str
    pid: int
    version: str
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    capabilities: tuple[str, ...]
    threads: int
    running: int
    started_at: int
    heartbeat_at: int
    age: float

    def is_dead(self, dead_after: float) -> bool:
        """Return True if it has been silent for longer than ``dead_after`` seconds."""
        return self.age > dead_after


def queues(connection: Connection) -> list[str]:
    """Return the names of the queues, sorted."""
    query = sa.select(schema.queue.c.name).order_by(schema.queue.c.name)
    return list(connection.execute(query).scalars())


def add_queue(connection: Connection, name: str) -> None:
    """Make a queue known; a known one stays as it is."""
    if not name or len(name) > NAME_LENGTH or name != name.strip() or "," in name:
        raise InvalidJob(
            f"'{name}' can't name a queue: 1 to {NAME_LENGTH} characters, without commas, "
            "not beginning or ending with a space."
        )
    if name not in queues(connection):
        connection.execute(sa.insert(schema.queue).values(name=name))


def consumers(connection: Connection) -> list[Consumer]:
    """Return the consumers, the longest running first."""
    query = sa.select(schema.consumer, Now().label("now")).order_by(schema.consumer.c.started_at)
    found = []
    for row in connection.execute(query).mappings():
        values = dict(row)
        age = (values.pop("now") - values["heartbeat_at"]) / SECOND
        lists = {name: tuple(values[name]) for name in ("queues", "tasks", "capabilities")}
        found.append(Consumer(**{**values, **lists, "age": age}))
    return found
