"""One consumer from its start to its end: ``coserver run``."""

from __future__ import annotations

import signal
import time
from queue import Empty, SimpleQueue
from types import FrameType

from sqlalchemy import Connection, Engine

from coserver_consumer import logs, store
from coserver_consumer.database import Database
from coserver_consumer.errors import StoreUnavailable
from coserver_consumer.executor import Executor
from coserver_consumer.heartbeat import make_heartbeat
from coserver_consumer.loop import Loop
from coserver_consumer.pruner import make_pruner
from coserver_consumer.registration import Registration, describe_consumer
from coserver_consumer.rescuer import make_rescuer
from coserver_consumer.resolver import make_resolver
from coserver_consumer.scheduler import make_scheduler
from coserver_consumer.settings import Settings
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.tasks.registry import Registry, load_registry
from coserver_consumer.transports.evidence import HttpEvidence
from coserver_consumer.worker import Worker

LOOKS = 0.05  # seconds between two looks whether all has ended
TELLING = 3.0  # seconds that are left for telling the database what was given back
ZOPE_TASK = "view"
LOOP_CONNECTIONS = 3  # the claimer, the heartbeat, and one for the others by turns


def run(settings: Settings) -> int:
    """Run a consumer until a signal stops it; return the exit code, 0 if the database knows all."""
    logs.configure(settings.log_level)
    engine = store.open_engine(settings.database, pool_size=LOOP_CONNECTIONS + settings.threads)
    logs.starting(settings.name, engine.url.render_as_string(hide_password=True))
    store.check_schema(engine)
    registry = load_registry(TaskContext(settings=settings))
    try:
        return Supervisor(settings, registry, engine).run()
    finally:
        engine.dispose()


class Supervisor:
    """Starts the loops, waits for a signal, and stops them in order."""

    def __init__(self, settings: Settings, registry: Registry, engine: Engine) -> None:
        self._settings = settings
        self._registry = registry
        self._database = Database(engine)
        self._signals: SimpleQueue[int] = SimpleQueue()  # its put is safe in a signal handler
        self._registration = Registration(
            self._database, describe_consumer(settings, registry.names)
        )
        self._worker = Worker(
            database=self._database,
            registration=self._registration,
            settings=settings,
            attempt=Executor(registry=registry, settings=settings).attempt,
        )
        self._loops = self._make_loops()

    def run(self) -> int:
        """Work until a signal comes, then end in good order; return the exit code."""
        self._listen()
        self._start()
        received = self._signals.get()
        self._drain(received)
        return self._end()

    def _make_loops(self) -> list[Loop]:
        runs, wake = self._worker.runs, self._worker.wake
        return [
            *self._make_resolver(),
            make_heartbeat(
                self._database, self._registration, runs, every=self._settings.heartbeat_every
            ),
            make_rescuer(self._database, self._settings, wake=wake),
            make_scheduler(self._database, wake=wake),
            make_pruner(self._database, keep_days=self._settings.keep_days),
        ]

    def _make_resolver(self) -> list[Loop]:
        """Only a consumer that reaches Zope can ask it."""
        if ZOPE_TASK not in self._registry.names:
            return []
        ask = HttpEvidence(self._settings).ask
        every = self._settings.resolve_every
        return [make_resolver(self._database, ask, every=every, wake=self._worker.wake)]

    def _listen(self) -> None:
        def remember(number: int, _frame: FrameType | None) -> None:
            self._signals.put(number)

        signal.signal(signal.SIGTERM, remember)
        signal.signal(signal.SIGINT, remember)

    def _start(self) -> None:
        for name, why in self._registry.left_out.items():
            logs.task_left_out(name, why)
        self._database.write(self._add_queues)
        self._registration.register()
        for loop in self._loops:
            loop.start()
        self._worker.start()
        info = self._registration.info
        logs.ready(info.id, info.queues, info.tasks, info.threads)

    def _add_queues(self, connection: Connection) -> None:
        for name in self._settings.queues:
            store.add_queue(connection, name)

    def _drain(self, received: int) -> None:
        """Claim nothing more and wait until all has ended, the grace is over or a signal comes."""
        self._worker.drain()
        running = len(self._worker.runs.running())
        logs.draining(signal.Signals(received).name, running, self._settings.grace)
        end = time.monotonic() + self._settings.grace
        while not self._worker.is_idle and time.monotonic() < end:
            try:
                again = self._signals.get(timeout=LOOKS)
            except Empty:
                continue
            logs.stopping_now(signal.Signals(again).name)
            return

    def _end(self) -> int:
        """Give back what still runs and leave; return 1 if the database couldn't be told."""
        given_back = self._worker.give_back()
        end = time.monotonic() + TELLING
        while not self._worker.is_idle and time.monotonic() < end:
            time.sleep(LOOKS)
        self._worker.stop()
        for loop in self._loops:
            loop.stop()
        for loop in self._loops:
            loop.join(max(0.0, end - time.monotonic()))
        return self._leave(len(given_back))

    def _leave(self, given_back: int) -> int:
        try:
            self._registration.unregister()
        except StoreUnavailable:
            logs.stopped_untold(len(self._worker.runs.results()))
            return 1
        logs.stopped(given_back)
        return 0
