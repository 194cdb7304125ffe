"""Consumers that are known to be dead, whose jobs a worker process takes back."""

from __future__ import annotations

from collections.abc import Sequence

from coserver_consumer.maintenance.rescuer import rescue_from
from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.processes.parts import Parts
from coserver_consumer.runtime.logs import recovery_logs


class DeadConsumers:
    """Those whose jobs are still to be taken back, known by their ids."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._ids: list[str] = []

    def rescue(self, consumer_ids: Sequence[str] = ()) -> None:
        """Take back the jobs of these, and of others for whom the database was away before.

        What can't be taken back so is left to the rescuer, when its leases have run out.
        """
        self._ids += consumer_ids
        if not self._ids:
            return
        parts = self._parts
        try:
            rescue_from(parts.database, parts.settings, self._ids, policy=parts.registry.policy)
        except StoreUnavailable:
            return
        except Exception as error:  # noqa: BLE001  the next process would stumble over it as well
            recovery_logs.rescue_failed(self._ids, error)
        self._ids.clear()
        parts.worker.wake()
