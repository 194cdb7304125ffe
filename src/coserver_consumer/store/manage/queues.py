"""Queues and the consumers that serve them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief_text
from coserver_consumer.model.job import MAX_COUNT, is_id
from coserver_consumer.model.queue_name import (
    RULE,
    can_name_queue,
    unknown_queue,
)
from coserver_consumer.model.unavailable import Unavailable, from_json
from coserver_consumer.model.value_types import Seconds, WholeNumber, refuse
from coserver_consumer.store.manage.audit import audit
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import insert_unless_there

PERIOD = Seconds(least=0, most=1_000_000_000, is_positive=True)  # of a rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A consumer as the store knows it. ``age``: seconds since its last heartbeat.

    ``unavailable`` is what it couldn't do then.
    """

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
    unavailable: tuple[Unavailable, ...] = ()

    def is_dead(self, dead_after: float) -> bool:
        """Return True if it has been silent for longer than ``dead_after`` seconds."""
        return self.age > dead_after


def queues(connection: Connection) -> list[str]:
    """Return the names of the queues, sorted."""
    query = sa.select(tables.queue.c.name).order_by(tables.queue.c.name)
    return list(connection.execute(query).scalars())


def add_queue(connection: Connection, name: str) -> None:
    """Make a queue known; a known one stays as it is."""
    add_queues(connection, [name])


def check_name(name: str) -> None:
    """Raise ``InvalidJob`` unless a queue can be called so."""
    if not can_name_queue(name):
        raise InvalidJob(f"'{brief_text(name)}' can't name a queue: {RULE}.")


def add_queues(connection: Connection, names: Iterable[str]) -> None:
    """Make queues known that aren't; raise ``InvalidJob`` for a name that can be none's."""
    known = set(queues(connection))
    for name in dict.fromkeys(names):
        check_name(name)
        if name not in known:
            insert_unless_there(connection, tables.queue, {"name": name})


def pause(connection: Connection, name: str, *, paused: bool = True, by: str | None = None) -> None:
    """Let no job of the queue begin, or let them begin again; what runs goes on.

    Raises ``UnknownQueue``.
    """
    _change(connection, name, paused=paused)
    audit(connection, "pause" if paused else "resume", who=by, queue=name)


def set_max_running(connection: Connection, name: str, number: int | None) -> None:
    """Let at most so many jobs of the queue run at once, over all consumers; None: any number."""
    if number is not None:
        WholeNumber(least=0, most=MAX_COUNT).read("The number of running jobs", number)
    _change(connection, name, max_running=number)


def set_rate(connection: Connection, name: str, number: int | None, period: float = 60) -> None:
    """Let at most ``number`` jobs of the queue begin in any ``period`` seconds; None: all."""
    if number is not None:
        WholeNumber(least=1, most=MAX_COUNT).read("The number of jobs that begin", number)
        PERIOD.read("The time in which they begin", period)
    rate = {"rate_number": number, "rate_period": None if number is None else period}
    _change(connection, name, **rate)


def require_queue(connection: Connection, name: str) -> None:
    """Raise ``UnknownQueue`` unless the queue is known, ``InvalidJob`` for what is no text."""
    if not isinstance(name, str):
        raise refuse("queue", name, "the name of a queue")
    known = queues(connection)
    if name not in known:
        raise unknown_queue(name, known)


def _change(connection: Connection, name: str, **values: Any) -> None:
    require_queue(connection, name)
    connection.execute(sa.update(tables.queue).where(tables.queue.c.name == name).values(**values))


def knows_consumer(connection: Connection, consumer_id: str) -> bool:
    """Return True if a consumer with this id is registered."""
    if not is_id(consumer_id):
        return False
    query = sa.select(tables.consumer.c.id).where(tables.consumer.c.id == consumer_id)
    return connection.execute(query).first() is not None


def consumers(connection: Connection) -> list[Consumer]:
    """Return the consumers, the longest running first."""
    query = sa.select(tables.consumer, Now().label("now")).order_by(tables.consumer.c.started_at)
    found = []
    for row in connection.execute(query).mappings():
        values = dict(row)
        age = (values.pop("now") - values["heartbeat_at"]) / SECOND
        lists = {name: _to_names(values[name]) for name in ("queues", "tasks", "capabilities")}
        unavailable = from_json(values["unavailable"])
        found.append(Consumer(**{**values, **lists, "age": age, "unavailable": unavailable}))
    return found


def _to_names(value: Any) -> tuple[str, ...]:
    """Return the names of a JSON list; none if some other program has written anything else."""
    return tuple(str(name) for name in value) if isinstance(value, list) else ()
