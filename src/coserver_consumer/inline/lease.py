"""The lease of a worker that runs jobs in a thread of a program: it is a consumer meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from coserver_consumer.maintenance.heartbeat import make_heartbeat
from coserver_consumer.maintenance.heartbeat_health import HeartbeatHealth
from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.registration import Registration
from coserver_consumer.settings.settings import Settings
from coserver_consumer.worker.inflight import InFlight

JOIN_TIMEOUT_S = 5.0  # for a loop's tick that is under way at the end


@contextmanager
def leased(
    database: Database, registration: Registration, in_flight: InFlight, settings: Settings
) -> Iterator[HeartbeatHealth]:
    """Be a consumer with a heartbeat, whose health the block is given.

    At the end what still is claimed is given back. Raises ``StoreUnavailable`` at the beginning.
    """
    registration.register()
    health, every = HeartbeatHealth(settings), settings.heartbeat_every
    heartbeat = make_heartbeat(database, registration, in_flight, health, every=every)
    heartbeat.start()
    try:
        yield health
    finally:
        heartbeat.stop()
        heartbeat.join(JOIN_TIMEOUT_S)
        with suppress(StoreUnavailable):  # the rescuers do it then
            registration.unregister()
