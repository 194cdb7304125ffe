"""The loops of a worker process."""

from __future__ import annotations

import time
from collections.abc import Callable

from coserver_consumer.maintenance.expirer import make_expirer
from coserver_consumer.maintenance.heartbeat import make_heartbeat
from coserver_consumer.maintenance.heartbeat_health import HeartbeatHealth
from coserver_consumer.maintenance.listener import make_listener
from coserver_consumer.maintenance.pruner import make_pruner
from coserver_consumer.maintenance.rescuer import make_rescuer
from coserver_consumer.maintenance.resolver import make_resolver
from coserver_consumer.maintenance.scheduler import make_scheduler
from coserver_consumer.maintenance.teller import make_teller
from coserver_consumer.maintenance.unroutable import make_unroutable
from coserver_consumer.maintenance.watchdog import make_watchdog
from coserver_consumer.maintenance.zope_watch import ZopeWatch
from coserver_consumer.processes.parts import Parts
from coserver_consumer.runtime.loop import Loop


class Loops:
    """The loops that every worker process has and, in one of them, those that it runs for all.

    The watchdog calls ``abandon`` and ``retire``.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        for_all: bool,
        abandon: Callable[[], None],
        retire: Callable[[str], None],
    ) -> None:
        health = HeartbeatHealth(parts.settings)
        heartbeat = _make_heartbeat(parts, health)
        self._watch = _make_zope_watch(parts, heartbeat)
        self._loops = [
            heartbeat,
            *([self._watch.loop] if self._watch else []),
            _make_watchdog(parts, abandon, retire),
            *make_listener(parts.database, parts.registration, notify=parts.worker.notify),
            *(_make_loops_for_all(parts, health) if for_all else []),
        ]

    def start(self) -> None:
        """Start all; before that ask whether Zope can run jobs, so that none is claimed in vain."""
        if self._watch is not None:
            self._watch.check()
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Let no further tick begin."""
        for loop in self._loops:
            loop.stop()

    def join(self, deadline: float) -> None:
        """Wait until the ticks that have begun are over, or until the deadline (monotonic)."""
        for loop in self._loops:
            loop.join(max(0.0, deadline - time.monotonic()))


def _make_heartbeat(parts: Parts, health: HeartbeatHealth) -> Loop:
    every, in_flight = parts.settings.heartbeat_every, parts.worker.in_flight
    return make_heartbeat(parts.database, parts.registration, in_flight, health, every=every)


def _make_watchdog(
    parts: Parts, abandon: Callable[[], None], retire: Callable[[str], None]
) -> Loop:
    in_flight = parts.worker.in_flight
    return make_watchdog(in_flight, parts.settings, abandon=abandon, retire=retire)


def _make_zope_watch(parts: Parts, heartbeat: Loop) -> ZopeWatch | None:
    """Return the watch, which only a process that runs jobs in Zope has."""
    if parts.zope is None:
        return None

    def changed() -> None:
        heartbeat.wake()
        parts.worker.wake()

    return ZopeWatch(parts.zope, parts.registration, parts.registry.in_zope, changed=changed)


def _make_loops_for_all(parts: Parts, health: HeartbeatHealth) -> list[Loop]:
    database, settings, wake = parts.database, parts.settings, parts.worker.wake
    return [
        *_make_loops_of_zope(parts),
        make_rescuer(database, settings, health, wake=wake),
        make_scheduler(database, wake=wake),
        make_expirer(database),
        make_pruner(database, keep_days=settings.keep_days),
        make_unroutable(database),
    ]


def _make_loops_of_zope(parts: Parts) -> list[Loop]:
    """Return the loops that ask Zope; only a process that reaches it can."""
    if parts.zope is None:
        return []
    database, settings, zope = parts.database, parts.settings, parts.zope
    every, wake = settings.resolve_every, parts.worker.wake
    return [
        make_resolver(database, zope.ask, every=every, wake=wake),
        make_teller(database, zope.find_tellers(), lease=settings.dead_after),
    ]
