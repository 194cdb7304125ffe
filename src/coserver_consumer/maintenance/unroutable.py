"""Fails unroutable jobs: those in an unknown queue, which other programs may have written.

They would wait for ever.
"""

from __future__ import annotations

from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import job_logs
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.store import maintain

LOOK_EVERY_S = 10.0
JOBS_PER_TRANSACTION = 1000


def make_unroutable(database: Database) -> Loop:
    """Return the loop, which goes on without a pause while there are more jobs to fail."""

    def tick() -> float | None:
        failed = database.write(
            lambda connection: maintain.fail_unroutable(connection, limit=JOBS_PER_TRANSACTION)
        )
        for queue, ids in failed.items():
            job_logs.unroutable_failed(queue, ids)
        return 0.0 if sum(map(len, failed.values())) == JOBS_PER_TRANSACTION else None

    return Loop("unroutable", every=LOOK_EVERY_S, tick=tick)
