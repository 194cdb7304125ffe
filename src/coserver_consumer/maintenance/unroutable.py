"""The screener: fails the jobs that would wait for ever, which other programs may have written."""

from __future__ import annotations

from coserver_consumer import store
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import job_logs
from coserver_consumer.runtime.loop import Loop

EVERY = 10.0  # seconds
LIMIT = 1000  # jobs a transaction


def make_screener(database: Database) -> Loop:
    """Return the loop, which goes on without a pause while there is another page to fail."""

    def tick() -> float | None:
        failed = database.write(lambda connection: store.fail_misfits(connection, limit=LIMIT))
        for queue, ids in failed.items():
            job_logs.unroutable_failed(queue, ids)
        return 0.0 if sum(map(len, failed.values())) == LIMIT else None

    return Loop("screener", every=EVERY, tick=tick)
