"""One worker process from its start to its end."""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import assert_never

from sqlalchemy import Connection, Engine

from coserver_consumer import store
from coserver_consumer.maintenance.heartbeat import make_heartbeat
from coserver_consumer.maintenance.heartbeat_health import Rhythm
from coserver_consumer.maintenance.listener import make_listener
from coserver_consumer.maintenance.pruner import make_pruner
from coserver_consumer.maintenance.rescuer import make_rescuer, rescue_from
from coserver_consumer.maintenance.resolver import make_resolver
from coserver_consumer.maintenance.scheduler import make_scheduler
from coserver_consumer.maintenance.unroutable import make_screener
from coserver_consumer.maintenance.watchdog import make_watchdog
from coserver_consumer.maintenance.zope_watch import ZopeWatch
from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.model.job import Job
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.processes.control import Command, Do, Is, Opening, Report
from coserver_consumer.processes.cpu_priority import stand_back
from coserver_consumer.processes.exit_codes import START_AGAIN
from coserver_consumer.processes.forks import Attempt, end_in_children
from coserver_consumer.processes.own_files import OwnFiles
from coserver_consumer.processes.thread_dump import describe_threads
from coserver_consumer.runtime import logs
from coserver_consumer.runtime.database import Database, await_tables
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.runtime.registration import Registration, describe_consumer
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.tasks.registry import load_registry
from coserver_consumer.worker.executor import Executor
from coserver_consumer.worker.worker import Worker

ATTENTION = 1.0  # seconds between two looks for a command
LOOKS = 0.05  # seconds between two looks whether all has ended
TELLING = 3.0  # seconds that are left for telling the database what was given back
ZOPE_TASK = "view"
LOOP_CONNECTIONS = 3  # the claimer, the heartbeat, and one for the others by turns
FIRST = 1
TURN = 0.0005  # seconds that the threads of jobs make others wait, such as the claimer's
YOUNG = 10_000  # objects, 700 by default, after which Python looks for garbage: a claim makes many
UNTOLD = 1  # exit code: the database doesn't know all; the rescuers do the rest

Commands = SimpleQueue[Command]  # its put is safe in a signal handler
Tell = Callable[[Report], None]


def work(opening: Opening, commands: Commands, tell: Tell, own: OwnFiles) -> int:
    """Run jobs until a command ends it; return the exit code, 0 if the database knows all.

    ``own`` are the files that no job may close.
    Whoever calls this ends the process then: threads of jobs that hang may be left.
    """
    settings = opening.settings
    sys.setswitchinterval(TURN)
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    _stand_back(settings.nice)
    engine = store.open_engine(
        settings.database, pool_size=LOOP_CONNECTIONS + settings.threads, for_rounds=True
    )
    logs.starting(settings.name, store.show_address(engine))
    stops = partial(_is_told_to_end, commands)
    if not await_tables(engine, within=settings.wait_for_database, pause=stops):
        return 0
    return WorkerProcess(opening, engine, commands, tell, own).run()


def _is_told_to_end(commands: Commands, seconds: float) -> bool:
    """Wait for a command; there is nothing yet that others could be obeyed with."""
    try:
        command = commands.get(timeout=seconds)
    except Empty:
        return False
    return command.do not in (Do.DUMP, Do.RESCUE, Do.RELOAD)


def _stand_back(nice: int) -> None:
    try:
        stand_back(nice)
    except OSError as error:
        logs.cannot_stand_back(error)


class WorkerProcess:
    """Starts the loops, obeys commands, and stops the loops in order."""

    def __init__(
        self, opening: Opening, engine: Engine, commands: Commands, tell: Tell, own: OwnFiles
    ) -> None:
        self._opening = opening
        self._own = own
        self._settings = opening.settings
        self._context = TaskContext(settings=self._settings)
        self._registry = load_registry(self._context)
        self._commands = commands
        self._tell = tell
        self._dead: list[str] = []  # consumers whose jobs are to be taken back
        self._watch: ZopeWatch | None = None
        self._database = Database(engine)
        self._registration = Registration(
            self._database,
            describe_consumer(self._settings, self._registry.names),
            announce=lambda consumer_id: tell(Report(says=Is.REGISTERED, what=consumer_id)),
        )
        executor = Executor(registry=self._registry, settings=self._settings)
        self._worker = Worker(
            database=self._database,
            registration=self._registration,
            settings=self._settings,
            attempt=self._attempt_with(end_in_children(executor.attempt)),
            policy=self._registry.policy,
            is_elsewhere=self._runs_elsewhere,
        )
        self._loops = self._make_loops()

    def _attempt_with(self, attempt: Attempt) -> Attempt:
        """Return ``attempt``, behind which this process ends if a job has closed its files."""

        def run(current: CurrentJob) -> Ending:
            ending = attempt(current)
            self._own.require()
            return ending

        return run

    def run(self) -> int:
        """Work until a command ends it, then end in good order; return the exit code."""
        self._rescue(self._opening.dead)
        if ZOPE_TASK in self._registry.names:
            self._context.zope.open()
        self._start()
        last = self._drain(self._wait())
        return self._end(last)

    def _make_loops(self) -> list[Loop]:
        """Return the loops that every process has, and in the first those that one has for all."""
        in_flight, wake, settings = self._worker.in_flight, self._worker.wake, self._settings
        rhythm, every = Rhythm(settings), settings.heartbeat_every
        heartbeat = make_heartbeat(
            self._database, self._registration, in_flight, rhythm, every=every
        )
        loops = [
            heartbeat,
            *self._make_zope_watch(heartbeat),
            make_watchdog(in_flight, settings, abandon=self._abandon, retire=self._retire),
            *make_listener(self._database, self._registration, notify=self._worker.notify),
        ]
        if self._opening.number != FIRST:
            return loops
        return [
            *loops,
            *self._make_resolver(),
            make_rescuer(self._database, settings, rhythm, wake=wake),
            make_scheduler(self._database, wake=wake),
            make_pruner(self._database, keep_days=settings.keep_days),
            make_screener(self._database),
        ]

    def _make_zope_watch(self, heartbeat: Loop) -> list[Loop]:
        """Only a consumer that runs jobs in Zope has one, and has Zope asked before it begins."""
        if not self._registry.in_zope:
            return []

        def changed() -> None:
            heartbeat.wake()
            self._worker.wake()

        self._watch = ZopeWatch(
            self._context.zope, self._registration, self._registry.in_zope, changed=changed
        )
        return [self._watch.loop]

    def _runs_elsewhere(self, job: Job) -> bool:
        """Return True if a Zope instance is at the job, and not this process."""
        is_in_zope = job.task in self._registry.in_zope
        return is_in_zope and not self._settings.runs_in_process(job.queue)

    def _make_resolver(self) -> list[Loop]:
        """Only a consumer that reaches Zope can ask it."""
        if ZOPE_TASK not in self._registry.names:
            return []
        ask, every = self._context.zope.ask, self._settings.resolve_every
        return [make_resolver(self._database, ask, every=every, wake=self._worker.wake)]

    def _abandon(self) -> None:
        self._commands.put(Command(do=Do.ABANDON))

    def _retire(self, reason: str) -> None:
        self._tell(Report(says=Is.WORN, what=reason))

    def _start(self) -> None:
        for name, why in self._registry.left_out.items():
            logs.task_left_out(name, why)
        self._database.write(self._add_queues)
        self._registration.register()
        if self._watch is not None:
            self._watch.check()
        for loop in self._loops:
            loop.start()
        self._worker.start()
        info = self._registration.info
        logs.ready(info.id, info.queues, info.tasks, info.threads)
        self._tell(Report(says=Is.READY))

    def _add_queues(self, connection: Connection) -> None:
        store.add_queues(connection, self._settings.queues)

    def _wait(self) -> Command:
        """Return the command that ends the work."""
        while True:
            if command := self._next_command(ATTENTION):
                return command
            self._rescue()

    def _next_command(self, timeout: float) -> Command | None:
        """Return a command to end, None if there is none within ``timeout`` seconds.

        Other commands are obeyed.
        """
        try:
            command = self._commands.get(timeout=timeout)
        except Empty:
            return None
        match command.do:
            case Do.DRAIN | Do.RETIRE | Do.STOP | Do.ABANDON:
                return command
            case Do.DUMP:
                logs.threads(describe_threads(self._worker.at_work()))
            case Do.RESCUE:
                self._rescue(command.consumers)
            case Do.RELOAD:
                logs.cannot_reload()
            case _:
                assert_never(command.do)
        return None

    def _rescue(self, consumer_ids: Sequence[str] = ()) -> None:
        """Take back the jobs of consumers that are known to be dead, later if it can't be now."""
        self._dead += consumer_ids
        if not self._dead:
            return
        try:
            rescue_from(self._database, self._settings, self._dead, policy=self._registry.policy)
        except StoreUnavailable:
            return
        self._dead.clear()
        self._worker.wake()

    def _drain(self, command: Command) -> Do:
        """Claim nothing more and wait until all has ended, or nobody wants to wait any more.

        Returns what was done last.
        """
        self._worker.drain()
        deadline = self._begin_ending(command)
        while following := self._wait_idle(deadline):
            command = following
            deadline = min(deadline, self._begin_ending(command))
        return command.do

    def _begin_ending(self, command: Command) -> float:
        """Say how this is to end; return until when runs may go on, by the monotonic clock."""
        running = len(self._worker.in_flight.unended())
        match command.do:
            case Do.DRAIN:
                logs.draining(command.why, running, self._settings.grace)
                return time.monotonic() + self._settings.grace
            case Do.RETIRE:
                logs.retiring(command.why, running)
                return math.inf
            case Do.ABANDON:
                return -math.inf
            case _:
                logs.stopping_now(command.why)
                return -math.inf

    def _wait_idle(self, deadline: float) -> Command | None:
        """Return None when all has ended or it is late, or a further command to end."""
        while not self._worker.is_idle and time.monotonic() < deadline:
            if command := self._next_command(LOOKS):
                return command
        return None

    def _end(self, last: Do) -> int:
        """Put down what hangs, give back what else runs, and leave; return the exit code."""
        self._stop_elsewhere()
        for job in self._worker.put_down():
            logs.put_down(job)
        given_back = self._worker.give_back()
        end = time.monotonic() + TELLING
        while not self._worker.is_idle and time.monotonic() < end:
            time.sleep(LOOKS)
        self._worker.stop()
        for loop in self._loops:
            loop.stop()
        for loop in self._loops:
            loop.join(max(0.0, end - time.monotonic()))
        if not self._leave(len(given_back)):
            return UNTOLD
        return START_AGAIN if last in (Do.ABANDON, Do.RETIRE) else 0

    def _stop_elsewhere(self) -> None:
        """Tell Zope instances to stop what nobody will wait for, and give them a moment for it."""
        runs = self._worker.in_flight.elsewhere()
        self._worker.in_flight.release(runs)
        if runs:
            self._context.zope.stop([run.key for run in runs], within=TELLING)

    def _leave(self, given_back: int) -> bool:
        """Return False if the database couldn't be told."""
        try:
            self._registration.unregister()
        except StoreUnavailable:
            logs.stopped_untold(len(self._worker.in_flight.ended()))
            return False
        logs.stopped(given_back)
        return True
