"""The heartbeat: says that this consumer lives, and hears which of its jobs are to stop."""

from __future__ import annotations

from coserver_consumer import store
from coserver_consumer.maintenance.heartbeat_health import Rhythm
from coserver_consumer.runtime import logs
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.runtime.registration import Registration
from coserver_consumer.worker.inflight import Runs


def make_heartbeat(
    database: Database, registration: Registration, runs: Runs, rhythm: Rhythm, *, every: float
) -> Loop:
    """Return the loop, which has a thread of its own so that no job and no claim delays it."""

    def tick() -> None:
        begun = runs.begun()
        beat = database.write(
            lambda connection: store.heartbeat(
                connection,
                registration.id,
                running=len(begun),
                unavailable=registration.unavailable,
            )
        )
        rhythm.beat()
        runs.stop(beat.cancelled)
        runs.kill(beat.killed)
        if not beat.alive:
            _begin_anew(registration, runs)

    return Loop("heartbeat", every=every, tick=tick)


def _begin_anew(registration: Registration, runs: Runs) -> None:
    """Go on under a new id, and take what runs under the old one for lost: others have it now."""
    old = registration.id
    registration.renew()
    logs.declared_dead(old, runs.lose(unless_of=registration.id))
    logs.registered_anew(registration.id)
