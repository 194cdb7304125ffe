"""The parent's side of the children: it starts them, kills them and sees how they ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import connection, forkserver, get_context
from typing import Self

import psutil

from faults.child import LOG, Life, Orders, live
from support.waiting import PATIENCE

CONTEXT = get_context("forkserver")
MODULES = [
    "faults.child",
    "faults.consumer",
    "faults.poller",
    "faults.producer",
    "coserver_consumer.settings.sources",
    "relstorage.adapters.postgresql.drivers.psycopg2",
    "sqlalchemy.dialects.mysql.pymysql",
    "sqlalchemy.dialects.postgresql.psycopg",
]


class Child:
    """A child process from its birth to its death."""

    def __init__(self, main: Callable[[Life], None], orders: Orders) -> None:
        self.orders = orders
        self._ready, door = CONTEXT.Pipe(duplex=False)
        self._due: float | None = None
        self.process = CONTEXT.Process(target=live, args=(main, orders, door), daemon=True)
        self.process.start()
        door.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid or 0

    @property
    def stands_still(self) -> bool:
        """True while SIGSTOP keeps it where it is."""
        return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

    @property
    def signs(self) -> list[int]:
        """What becomes readable when there is something to see to."""
        waits_for_start = self._due is None and self.orders.doom.seconds is not None
        return [self.process.sentinel, *([self._ready.fileno()] if waits_for_start else [])]

    @property
    def left(self) -> float:
        """How many seconds it has to live, as far as its parent knows."""
        return PATIENCE if self._due is None else max(0, self._due - time.monotonic())

    @property
    def was_killed(self) -> bool:
        """True once it has died of SIGKILL."""
        return self.process.exitcode == -signal.SIGKILL

    def see_to(self) -> bool:
        """Kill it if its time has come; return True if it is dead."""
        if self.orders.doom.seconds is not None:
            if self._due is None and self._ready.poll():
                self._due = time.monotonic() + self.orders.doom.seconds
            if self.left == 0:
                self.kill()
        return self.process.exitcode is not None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.join()

    def wait(self) -> None:
        """Return when it has done its work."""
        self.process.join()
        self.bury()

    def bury(self) -> None:
        """Check that it ended by its doom, or because it had done its work."""
        assert self.was_killed or self.process.exitcode == 0, (
            f"{self.pid} ended with {self.process.exitcode}: {self._log()}"
        )
        self.process.close()
        self._ready.close()

    def _log(self) -> str:
        return (self.orders.directory / LOG).read_text()[-4000:]


class Crew:
    """So many children at a time; ``make`` makes the next one."""

    def __init__(self, make: Callable[[], Child], *, width: int = 3) -> None:
        self._make = make
        self._width = width
        self.children: list[Child] = []
        self.kills = 0

    def fill(self) -> None:
        """Start children until it is full."""
        while len(self.children) < self._width:
            self.children.append(self._make())

    def wait(self) -> None:
        """Return when at least one of the children has come to its end."""
        end = time.monotonic() + PATIENCE
        while not self._bury_dead():
            assert time.monotonic() < end, "The children live on and on."
            signs = [sign for child in self.children for sign in child.signs]
            connection.wait(signs, min(child.left for child in self.children))

    def lose(self, number: int, troubles: Iterable[Callable[[Crew], None]] = ()) -> None:
        """Return when so many have been killed; meanwhile have trouble with the others."""
        while self.kills < number:
            self.fill()
            for trouble in troubles:
                trouble(self)
            self.wait()

    def kill(self) -> None:
        """Kill them all."""
        for child in self.children:
            child.kill()
        self._bury_dead()

    def _bury_dead(self) -> int:
        dead = [child for child in self.children if child.see_to()]
        self.children = [child for child in self.children if child not in dead]
        self.kills += sum(child.was_killed for child in dead)
        for child in dead:
            child.bury()
        return len(dead)


@contextmanager
def at_most(width: int, make: Callable[[], Child]) -> Iterator[Crew]:
    """Yield a crew; whoever lives at the end is killed."""
    crew = Crew(make, width=width)
    try:
        yield crew
    finally:
        crew.kill()


def start_nursery() -> None:
    """Start the process that children are forked from, with all modules that they need.

    It finds them by the environment, since it doesn't look where pytest has put its paths.
    """
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    CONTEXT.set_forkserver_preload(MODULES)
    try:
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before
