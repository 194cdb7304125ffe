"""The scheduler: makes jobs ready whose time has come.

An idle claimer does so itself, as it looks more often; this is for when all are busy.
"""

from __future__ import annotations

from collections.abc import Callable

from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.store import maintain

LOOK_EVERY_S = 10.0
JOBS_PER_TRANSACTION = 1000


def make_scheduler(database: Database, *, wake: Callable[[], None]) -> Loop:
    """Return the loop; ``wake`` is called when there are jobs to be claimed."""

    def tick() -> float | None:
        number = database.write(
            lambda connection: maintain.make_due_ready(connection, limit=JOBS_PER_TRANSACTION)
        )
        if number:
            wake()
        return 0.0 if number == JOBS_PER_TRANSACTION else None

    return Loop("scheduler", every=LOOK_EVERY_S, tick=tick)
