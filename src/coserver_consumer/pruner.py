"""The pruner: removes old jobs from the history."""

from __future__ import annotations

from coserver_consumer import logs, store
from coserver_consumer.database import Database
from coserver_consumer.loop import Loop

EVERY = 60.0  # seconds
LIMIT = 1000  # jobs a transaction
DAY = 86_400.0  # seconds


def make_pruner(database: Database, *, keep_days: float) -> Loop:
    """Return the loop, which goes on without a pause while there is another page to remove."""

    def tick() -> float | None:
        gone = database.write(
            lambda connection: store.prune(connection, older_than=keep_days * DAY, limit=LIMIT)
        )
        if gone:
            logs.pruned(gone)
        return 0.0 if gone == LIMIT else None

    return Loop("pruner", every=EVERY, tick=tick)
