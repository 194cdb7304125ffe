"""The scheduler: makes jobs ready whose time has come.

An idle claimer does so itself, as it looks more often; this is for when all are busy.
"""

from __future__ import annotations

from collections.abc import Callable

from coserver_consumer import store
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.loop import Loop

EVERY = 10.0  # seconds
LIMIT = 1000  # jobs a transaction


def make_scheduler(database: Database, *, wake: Callable[[], None]) -> Loop:
    """Return the loop; ``wake`` is called when there are jobs to be claimed."""

    def tick() -> float | None:
        woken = database.write(lambda connection: store.wake(connection, limit=LIMIT))
        if woken:
            wake()
        return 0.0 if woken == LIMIT else None

    return Loop("scheduler", every=EVERY, tick=tick)
