"""The expirer: ends jobs as expired that no consumer has begun by their moment.

No claim takes them any more; this is what frees their unique keys and tells those who wait.
"""

from __future__ import annotations

from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import job_logs
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.store import finish

LOOK_EVERY_S = 5.0
JOBS_PER_TRANSACTION = 1000


def make_expirer(database: Database) -> Loop:
    """Return the loop, which goes on without a pause while there are more jobs to end."""

    def tick() -> float | None:
        expired = database.write(
            lambda connection: finish.expire_overdue(connection, limit=JOBS_PER_TRANSACTION)
        )
        if expired:
            job_logs.expired(expired)
        return 0.0 if len(expired) == JOBS_PER_TRANSACTION else None

    return Loop("expirer", every=LOOK_EVERY_S, tick=tick)
