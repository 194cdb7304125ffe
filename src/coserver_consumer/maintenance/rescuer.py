"""The rescuer: takes jobs back from consumers that died, whoever they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from coserver_consumer.maintenance.heartbeat_health import HeartbeatHealth
from coserver_consumer.model.job import Job
from coserver_consumer.model.lifecycle import conclude, overran
from coserver_consumer.model.retry import PLAIN, RetryPolicy
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import recovery_logs
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import finish, maintain, manage

JOBS_PER_TRANSACTION = 100
LOOK_EVERY_S = 3.0  # at most, between two looks for leases that have run out
LOOK_EVERY_LEASES = 1 / 8  # of a lease, at most, between two looks


class _StoodStill(Exception):
    """No heartbeat could come for a while, so nobody counts as dead: what was done is undone."""


def make_rescuer(
    database: Database, settings: Settings, health: HeartbeatHealth, *, wake: Callable[[], None]
) -> Loop:
    """Return the loop; ``wake`` is called when there are jobs to be claimed again."""
    every, dead_after = plan_looks(settings)
    rescuer = Rescuer(database, health, settings, dead_after=dead_after)

    def tick() -> float | None:
        rescue = rescuer.rescue()
        if rescue is None:
            return None
        _log(rescue)
        if rescue.returned:
            wake()
        return 0.0 if len(rescue.returned) + len(rescue.poisoned) == JOBS_PER_TRANSACTION else None

    return Loop("rescuer", every=every, tick=tick)


class Rescuer:
    """Takes jobs from consumers that are dead, as far as this one can know.

    It waits until the database has been there, and this consumer's heartbeats have come, for two
    heartbeats: after an outage or a standstill everybody looks dead for a moment. A standstill may
    come while it asks, so it looks again before it commits.
    """

    def __init__(
        self, database: Database, health: HeartbeatHealth, settings: Settings, *, dead_after: float
    ) -> None:
        self._database = database
        self._health = health
        self._enough = settings.heartbeat_every * 2
        self._max_rescues = settings.max_rescues
        self._dead_after = dead_after

    def rescue(self) -> maintain.Rescue | None:
        """Return what was done; None if nobody is dead, or nobody may be judged now."""
        if not self._may_judge() or not self._database.read(self._has_dead):
            return None
        try:
            return self._database.write(self._rescue)
        except _StoodStill:
            return None

    def _may_judge(self) -> bool:
        """Return True if consumers that look dead most likely are."""
        return min(self._database.available_seconds, self._health.healthy_seconds) >= self._enough

    def _has_dead(self, connection: Connection) -> bool:
        return maintain.has_dead(connection, dead_after=self._dead_after)

    def _rescue(self, connection: Connection) -> maintain.Rescue:
        rescue = maintain.rescue(
            connection,
            dead_after=self._dead_after,
            max_rescues=self._max_rescues,
            limit=JOBS_PER_TRANSACTION,
        )
        if not self._may_judge():
            raise _StoodStill
        return rescue


def plan_looks(settings: Settings) -> tuple[float, float]:
    """Return the seconds between two looks, and the age of a heartbeat at which a consumer is dead.

    A lease that runs out before the next look counts as run out, so that jobs are back
    ``dead_after`` seconds after the last heartbeat, not later.
    """
    every = min(LOOK_EVERY_S, settings.dead_after * LOOK_EVERY_LEASES)
    return every, settings.dead_after - every


def rescue_from(
    database: Database,
    settings: Settings,
    consumer_ids: Sequence[str],
    *,
    policy: Callable[[str], RetryPolicy] = lambda _: PLAIN,
) -> None:
    """Take the jobs of these consumers back at once: their supervisor has seen them end.

    A job that was past its timeout is what the process was killed for: its attempt has failed. One
    that somebody has cancelled ends as cancelled. ``policy`` returns that of the task with a name.
    """

    def work(connection: Connection) -> maintain.Rescue:
        now = manage.now(connection)
        held = [job for each in consumer_ids for job in manage.find_leased(connection, each)]
        late = [job for job in held if job.cancel_at is None and _is_late(job, now)]
        endings = [
            conclude(job, overran(job), backoff=settings.backoff, policy=policy(job.task))
            for job in late
        ]
        finish.end_attempts(connection, endings)
        return maintain.rescue_from(connection, consumer_ids, max_rescues=settings.max_rescues)

    _log(database.write(work))


def _is_late(job: Job, now: int) -> bool:
    """Return True if the job has outrun its timeout."""
    return job.timeout is not None and job.deadline_at is not None and job.deadline_at < now


def _log(rescue: maintain.Rescue) -> None:
    for key in rescue.returned:
        recovery_logs.rescued(key)
    for key in rescue.poisoned:
        recovery_logs.poisoned(key)
    for consumer_id in rescue.consumers:
        recovery_logs.consumer_removed(consumer_id)
