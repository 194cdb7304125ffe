"""The heartbeat: says that this consumer lives, and learns which of its jobs are to stop."""

from __future__ import annotations

from coserver_consumer.maintenance.heartbeat_health import HeartbeatHealth
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import consumer_logs
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.runtime.registration import Registration
from coserver_consumer.store import maintain
from coserver_consumer.worker.inflight import InFlight


def make_heartbeat(
    database: Database,
    registration: Registration,
    in_flight: InFlight,
    health: HeartbeatHealth,
    *,
    every: float,
) -> Loop:
    """Return the loop, which has a thread of its own so that no job and no claim delays it."""

    def tick() -> None:
        running = in_flight.running()
        beat = database.write(
            lambda connection: maintain.heartbeat(
                connection,
                registration.id,
                running=len(running),
                unavailable=registration.unavailable,
            )
        )
        health.note_heartbeat()
        in_flight.cancel(beat.cancelled)
        in_flight.kill(beat.killed)
        if not beat.alive:
            _begin_anew(registration, in_flight)

    return Loop("heartbeat", every=every, tick=tick)


def _begin_anew(registration: Registration, in_flight: InFlight) -> None:
    """Go on under a new id, and take what runs under the old one for lost: others have it now."""
    old = registration.id
    registration.renew()
    consumer_logs.declared_dead(old, in_flight.mark_lost(except_of=registration.id))
    consumer_logs.registered_anew(registration.id)
