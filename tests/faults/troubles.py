"""What may befall children beside their own death."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from random import Random
from typing import Protocol

from sqlalchemy import Connection, Engine

from coserver_consumer import store
from faults.crew import Crew
from faults.keepers import DEAD_AFTER
from support.waiting import wait_for

LEASES = 4  # so many leases long a consumer is frozen, at most


class Server(Protocol):
    """What can be killed and started again."""

    def kill(self) -> None:
        """End it at once."""

    def start(self) -> None:
        """Start it; return when it is ready."""


class Outage:
    """A server dies at a random moment and is started again, once in so many deaths."""

    def __init__(self, server: Server, *, one_in: int) -> None:
        self._server = server
        self._one_in = one_in
        self._random = Random()
        self.number = 0

    def __call__(self, crew: Crew) -> None:
        """Perhaps do it now."""
        if self._random.randrange(self._one_in):
            return
        self._server.kill()
        self._server.start()
        self.number += 1


class Freeze:
    """A consumer is stopped past its lease and then goes on, once in so many deaths."""

    def __init__(self, engine: Engine, *, one_in: int) -> None:
        self._engine = engine
        self._one_in = one_in
        self._random = Random()

    def __call__(self, crew: Crew) -> None:
        """Perhaps do it now."""
        if self._random.randrange(self._one_in):
            return
        child = self._random.choice(crew.children)
        child.send(signal.SIGSTOP)
        self._wait_lost(child.pid)
        child.send(signal.SIGCONT)

    def _wait_lost(self, pid: int) -> None:
        """Return when its jobs are others', or it must hold locks that keep them."""
        end = time.monotonic() + LEASES * DEAD_AFTER
        wait_for(
            lambda: time.monotonic() > end or not has_lease(self._engine, pid),
            what="a lease to end",
        )


def has_lease(engine: Engine, pid: int) -> bool:
    """Return True if the consumer with this process id is taken for alive, or holds jobs."""

    def look(connection: Connection) -> bool:
        return any(
            not known.is_dead(DEAD_AFTER) or store.held(connection, known.id)
            for known in store.consumers(connection)
            if known.pid == pid
        )

    return store.read(engine, look)
