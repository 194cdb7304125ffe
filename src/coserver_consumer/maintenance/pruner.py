"""The pruner: removes old jobs from the history."""

from __future__ import annotations

from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import history_logs
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.store import maintain

LOOK_EVERY_S = 60.0
JOBS_PER_TRANSACTION = 1000
DAY_S = 86_400.0


def make_pruner(database: Database, *, keep_days: float) -> Loop:
    """Return the loop, which goes on without a pause while there is more to remove."""
    return Loop("pruner", every=LOOK_EVERY_S, tick=Pruner(database, keep_days=keep_days).tick)


class Pruner:
    """Makes partitions for the coming days, where the history has such, and drops the old ones.

    It removes one by one what is in none of them.
    """

    def __init__(self, database: Database, *, keep_days: float) -> None:
        self._database = database
        self._keep_days = keep_days
        self._has_warned = False

    def tick(self) -> float | None:
        """Do some of it; return 0.0 if there is more."""
        if self._database.has_partitions:
            self._make_partitions()
            if self._drop_partition():
                return 0.0
        number = self._database.write(
            lambda connection: maintain.prune(
                connection, older_than=self._older_than, limit=JOBS_PER_TRANSACTION
            )
        )
        if number:
            history_logs.pruned(number)
        return 0.0 if number >= JOBS_PER_TRANSACTION else None

    @property
    def _older_than(self) -> float:
        return self._keep_days * DAY_S

    def _make_partitions(self) -> None:
        if not self._database.read(maintain.may_make_partitions):
            if not self._has_warned:
                history_logs.cannot_make_partitions()
            self._has_warned = True
            return
        made = self._database.write(
            lambda connection: maintain.make_partitions(connection, keep_days=self._keep_days)
        )
        if made:
            history_logs.partitions_made(made)

    def _drop_partition(self) -> bool:
        """Return True if there is more to drop."""
        step = self._database.write(
            lambda connection: maintain.drop_old_partition(
                connection, older_than=self._older_than, limit=JOBS_PER_TRANSACTION
            )
        )
        if step and step.is_done:
            history_logs.partition_dropped(step.name)
        return step is not None and (step.is_done or step.cleared > 0)
