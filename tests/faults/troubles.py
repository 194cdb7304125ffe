"""What may befall children beside their own death."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

from sqlalchemy import Connection, Engine

from coserver_consumer import store
from coserver_consumer.store import manage
from faults.crew import Crew
from faults.keepers import SETTINGS
from support.waiting import wait_for

LEASES = 4  # so many leases long a consumer is frozen, at most


class Outage:
    """A server dies at a random moment and is started again, after so many deaths at most."""

    def __init__(self, kill: Callable[[], None], start: Callable[[], None], *, every: int) -> None:
        self._kill, self._start, self._every = kill, start, every
        self._random = Random()
        self._left = self._random.randint(1, every)

    def __call__(self, crew: Crew) -> None:
        """Do it if it is time; it counts as a kill."""
        self._left -= 1
        if self._left:
            return
        self._left = self._random.randint(1, self._every)
        self._kill()
        crew.kills += 1
        self._start()


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
        with suppress(ProcessLookupError):  # its own doom may be quicker
            child.send(signal.SIGSTOP)
            self._wait_lost(child.pid)
            child.send(signal.SIGCONT)

    def _wait_lost(self, pid: int) -> None:
        """Return when its jobs are others', or it must hold locks that keep them."""
        end = time.monotonic() + LEASES * SETTINGS.dead_after
        wait_for(
            lambda: time.monotonic() > end or not has_lease(self._engine, pid),
            what="a lease to end",
        )


def has_lease(engine: Engine, pid: int) -> bool:
    """Return True if the consumer with this process id is taken for alive, or holds jobs."""

    def look(connection: Connection) -> bool:
        return any(
            not known.is_dead(SETTINGS.dead_after) or manage.find_leased(connection, known.id)
            for known in manage.consumers(connection)
            if known.pid == pid
        )

    return store.read(engine, look)
