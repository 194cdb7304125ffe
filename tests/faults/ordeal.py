"""One scenario: a storage, a queue, children that die, and what is to happen meanwhile."""

from __future__ import annotations

import faulthandler
import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import active_children
from pathlib import Path
from random import Random

from sqlalchemy import Connection, Engine

from coserver_consumer import store
from coserver_consumer.model.job import State
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.store import enqueue, finish, manage
from faults import steps
from faults.child import LOG, Life, Orders
from faults.consumer import consume, counting
from faults.crew import Child, Crew, at_most
from faults.dooms import Doom, random_doom
from faults.keepers import keep
from faults.producer import produce
from faults.storages import Storage
from faults.tally import Tally, count_consumed, count_produced
from support.waiting import wait_for

KILLS = int(os.environ.get("COSERVER_FAULTS_KILLS", "300"))  # in all, on all databases
WIDTH = 3  # children at a time
STOCK = 25  # jobs that wait for consumers, at least
AHEAD_S = 120  # of the present: what has just begun is in doubt as well
LOG_END = 20_000  # characters of what children have logged, where a scenario stands still


def part(kills: int) -> int:
    """Return how many kills a scenario has that has so many of 300."""
    return -(-kills * KILLS // 300)


def took(wait: Callable[[], None]) -> int:
    """Return how many seconds it took, rounded up."""
    began = time.monotonic()
    wait()
    return math.ceil(time.monotonic() - began)


Trouble = Callable[[Crew], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordeal:
    """``troubles`` come now and then while children die. ``pace``: seconds between resolvings."""

    name: str
    storage: Storage
    engine: Engine
    directory: Path
    troubles: tuple[Trouble, ...] = ()
    way: str = "protocol"
    kinds: str = "any"
    steps: tuple[str, ...] = steps.PROTOCOL
    pace: float = 0.1
    random: Random = field(default_factory=Random)

    @property
    def is_control(self) -> bool:
        """True if faults are expected: it is done without the commit protocol."""
        return self.way != "protocol"

    def produce(self, kills: int) -> Tally:
        """Kill so many producers; return what they have left."""
        with self.kept(), at_most(WIDTH, lambda: self.child(produce)) as crew:
            crew.lose(kills, self.troubles)
            crew.kill()
            seconds = took(self.wait_resolved)
        return replace(count_produced(self, crew.kills), well_after=seconds)

    def consume(self, kills: int) -> Tally:
        """Kill so many consumers and let others end their work; return what they have left."""
        with self.kept():
            with at_most(WIDTH, lambda: self.child(consume, *steps.CLAIM)) as crew:
                crew.lose(kills, (self._restock, *self.troubles))
            with self.consumers():
                seconds = took(self.wait_ended)
        return replace(count_consumed(self, crew.kills), well_after=seconds)

    def kept(self) -> AbstractContextManager[None]:
        """Run the resolver and the rescuer."""
        return keep(self.engine, self.storage, every=self.pace)

    def child(self, main: Callable[[Life], None], *more: str, doom: Doom | None = None) -> Child:
        """Start a child, to die at one of the steps or as it is said."""
        return Child(main, self.orders(doom or random_doom(self.random, self.steps + more)))

    def orders(self, doom: Doom) -> Orders:
        """Return what a child of this scenario needs to know."""
        return Orders(
            storage=self.storage,
            database=self.engine.url.render_as_string(hide_password=False),
            directory=self.directory,
            doom=doom,
            way=self.way,
            kinds=self.kinds,
        )

    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        """Queue jobs for consumers; return their ids."""
        return store.write(self.engine, lambda connection: enqueue.add_many(connection, jobs))

    @contextmanager
    def consumers(self) -> Iterator[None]:
        """Have consumers that nobody kills."""
        with at_most(WIDTH, lambda: self.child(consume, doom=Doom())) as crew:
            crew.fill()
            yield

    def wait_ended(self) -> None:
        """Return when no job is live any more."""
        self.wait_for(lambda: not self.count_live(), what="all jobs to end")

    def wait_resolved(self) -> None:
        """Return when there is nothing left to ask the ZODB about."""
        self.wait_for(self._is_resolved, what="nothing to resolve")

    def wait_for(self, look: Callable[[], bool], *, what: str) -> None:
        """Return when ``look`` gives True; if it never does, say what jobs and children are at."""
        try:
            wait_for(look, what=what)
        except AssertionError as error:
            counts = store.read(self.engine, manage.counts)
            raise AssertionError(f"{error} {counts}\n{self._listen()}") from None

    def count_live(self) -> int:
        """Return how many jobs haven't ended."""
        counts = store.read(self.engine, manage.counts).get("default", {})
        return sum(number for state, number in counts.items() if State(state).is_live)

    def _is_resolved(self) -> bool:
        def find(connection: Connection) -> bool:
            return not finish.find_in_doubt(connection, older_than=-AHEAD_S)

        return store.read(self.engine, find)

    def _listen(self) -> str:
        """Return the end of what the children have logged, and where they and this process are."""
        for child in active_children():
            os.kill(child.pid or 0, signal.SIGUSR1)
        time.sleep(1)  # a child that is stopped never answers
        with (self.directory / LOG).open("a+") as log:
            faulthandler.dump_traceback(log)
            log.seek(0)
            return log.read()[-LOG_END:]

    def _restock(self, crew: Crew) -> None:
        if self.count_live() < STOCK:
            self.add([self._counting() for _ in range(STOCK)])

    def _counting(self) -> NewJob:
        """Return a job; with the protocol it may queue others, or do nothing in the ZODB."""
        if self.is_control:
            return counting()
        children = self.random.choice([0, 0, 1, 2])
        return counting(children=children, writes=self.random.random() < 0.8)
