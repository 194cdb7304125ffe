"""The heartbeat: says that this consumer lives, and hears which of its jobs are to stop."""

from __future__ import annotations

from coserver_consumer import logs, store
from coserver_consumer.database import Database
from coserver_consumer.loop import Loop
from coserver_consumer.registration import Registration
from coserver_consumer.runs import Runs


def make_heartbeat(
    database: Database, registration: Registration, runs: Runs, *, every: float
) -> Loop:
    """Return the loop, which has a thread of its own so that no job and no claim delays it."""

    def tick() -> None:
        begun = runs.begun()
        beat = database.write(
            lambda connection: store.heartbeat(connection, registration.id, running=len(begun))
        )
        runs.stop(beat.cancelled)
        runs.kill(beat.killed)
        if not beat.alive:
            _begin_anew(registration, runs)

    return Loop("heartbeat", every=every, tick=tick)


def _begin_anew(registration: Registration, runs: Runs) -> None:
    """Take what runs for lost, since others have it now, and go on under a new id."""
    lost = [run.key for run in runs.running()]
    logs.declared_dead(registration.id, len(lost))
    runs.stop(lost)
    registration.renew()
    logs.registered_anew(registration.id)
