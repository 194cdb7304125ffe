"""Which jobs may begin now, under the limits of their queues and concurrency keys.

Counting and claiming must be one step, so claims to which a rule applies go one after another: they
lock the row of the limit ``*``. Whoever ends a job locks nothing, as an ending only makes room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import Job
from coserver_consumer.store.claim.limits import (
    DEFAULT_MAX_RUNNING,
    EVERY_KEY,
    Limit,
    count_running,
    count_starts,
    limits,
    max_running,
)
from coserver_consumer.store.claim.snapshot import QueueSnapshot
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import insert_unless_there, lock


class Admission:
    """What may begin in this transaction.

    Before ``lock`` the answers may be out of date: they tell whether waiting for it is worthwhile,
    and spare a commit where it isn't.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_locked = False
        self._limits: list[Limit] | None = None
        self._of_queues: Counter[str] = Counter()
        self._of_keys: Counter[str] = Counter()

    def lock(self) -> None:
        """Wait until no other claim is deciding what may begin, and count anew.

        No other one decides until this transaction ends.
        """
        if not self._is_locked:
            _lock_row(self._connection)
            self._is_locked = True
            self._count()

    def room_in(self, queue: QueueSnapshot, wanted: int) -> int:
        """Return how many jobs of the queue may begin, at most ``wanted``."""
        self._find_limits()
        room = wanted
        if queue.max_running is not None:
            room = min(room, queue.max_running - self._of_queues[queue.name])
        if queue.rate_number is not None and queue.rate_period is not None:
            begun = count_starts(self._connection, queue.name, queue.rate_period)
            room = min(room, queue.rate_number - begun)
        return max(0, room)

    def has_room_for(self, key: str) -> bool:
        """Return True if one more job with the concurrency key may begin."""
        most = max_running(self._find_limits(), key)
        return most is None or self._of_keys[key] < most

    def running(self, key: str) -> int:
        """Return how many jobs with the concurrency key run now."""
        self._find_limits()
        return self._of_keys[key]

    def note_claimed(self, queue: QueueSnapshot, jobs: Iterable[Job]) -> None:
        """Count jobs that were claimed."""
        keys = [job.concurrency_key for job in jobs]
        if not keys:
            return
        self._of_queues[queue.name] += len(keys)
        self._of_keys.update(keys)
        if queue.rate_period is not None:
            _forget_starts(self._connection, queue.name, queue.rate_period)
            begun = sa.insert(tables.start).values(queue=queue.name, number=len(keys))
            self._connection.execute(begun)

    def _find_limits(self) -> list[Limit]:
        return self._count() if self._limits is None else self._limits

    def _count(self) -> list[Limit]:
        self._limits = limits(self._connection)
        self._of_queues, self._of_keys = count_running(self._connection)
        return self._limits


def _lock_row(connection: Connection) -> None:
    """Lock the row of the limit ``*``; make it first if somebody has removed it."""
    query = sa.select(tables.limit.c.name).where(tables.limit.c.name == EVERY_KEY)
    while lock(connection, query).first() is None:
        row = {"name": EVERY_KEY, "max_running": DEFAULT_MAX_RUNNING}
        insert_unless_there(connection, tables.limit, row)


def _forget_starts(connection: Connection, queue: str, period: float) -> None:
    """Remove the starts that are too old to count for the rate."""
    at = tables.start.c
    old = sa.delete(tables.start).where(at.queue == queue, at.at <= Now() - round(period * SECOND))
    connection.execute(old)
