"""One worker process from its start to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue

from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.processes.control import Command, CommandKind, Opening, Report, ReportKind
from coserver_consumer.processes.dead_consumers import DeadConsumers
from coserver_consumer.processes.exit_codes import FAILED
from coserver_consumer.processes.interpreter import prepare_interpreter
from coserver_consumer.processes.loops import Loops
from coserver_consumer.processes.own_files import OwnFiles
from coserver_consumer.processes.parts import make_parts
from coserver_consumer.processes.shutdown import Shutdown, plan_shutdown
from coserver_consumer.processes.thread_dump import describe_threads
from coserver_consumer.runtime.database import Database, await_tables
from coserver_consumer.runtime.logs import consumer_logs, job_logs
from coserver_consumer.store import manage

COMMAND_POLL_S = 1.0  # between two looks for a command
IDLE_POLL_S = 0.05  # between two looks whether all jobs have ended
GIVE_BACK_TIMEOUT_S = 3.0  # to write to the database what was given back
LOOP_CONNECTIONS = 3  # for the claimer, the heartbeat, and one that the other loops share
FIRST_SLOT = 1

Commands = SimpleQueue[Command]  # its put is safe in a signal handler
Send = Callable[[Report], None]


def work(opening: Opening, commands: Commands, send: Send, own: OwnFiles) -> int:
    """Run jobs until a command ends it; return the exit code, 0 if the database knows all.

    ``own`` are the files that no job may close.
    Whoever calls this ends the process then: threads of jobs that hang may be left.
    """
    settings = opening.settings
    prepare_interpreter(settings.nice)
    engine = store.open_engine(
        settings.database, pool_size=LOOP_CONNECTIONS + settings.threads, for_consumer=True
    )
    consumer_logs.starting(settings.name, store.show_address(engine))
    pause = partial(_is_told_to_end, commands)
    if not await_tables(engine, within=settings.wait_for_database, pause=pause):
        return 0
    return WorkerProcess(opening, Database(engine), commands, send, own).run()


def _is_told_to_end(commands: Commands, seconds: float) -> bool:
    """Wait for a command; those that end nothing can't be obeyed yet."""
    try:
        command = commands.get(timeout=seconds)
    except Empty:
        return False
    return plan_shutdown(command, grace=0) is not None


class WorkerProcess:
    """Starts the loops, obeys commands, and stops the loops in order."""

    def __init__(
        self, opening: Opening, database: Database, commands: Commands, send: Send, own: OwnFiles
    ) -> None:
        announce = partial(self._report, ReportKind.REGISTERED)
        self._opening = opening
        self._settings = opening.settings
        self._commands = commands
        self._send = send
        self._parts = make_parts(opening.settings, database, own, announce=announce)
        self._worker = self._parts.worker
        self._dead_consumers = DeadConsumers(self._parts)
        self._loops = Loops(
            self._parts,
            for_all=opening.slot == FIRST_SLOT,
            abandon=lambda: commands.put(Command(kind=CommandKind.ABANDON)),
            retire=partial(self._report, ReportKind.WORN),
        )

    def run(self) -> int:
        """Work until a command ends it, then end in good order; return the exit code."""
        self._dead_consumers.rescue(self._opening.dead_consumers)
        if self._parts.zope is not None:
            self._parts.zope.open()
        self._start()
        return self._end(self._drain(self._serve()))

    def _report(self, kind: ReportKind, detail: str = "") -> None:
        self._send(Report(kind=kind, detail=detail))

    def _start(self) -> None:
        for name, why in self._parts.registry.left_out.items():
            consumer_logs.task_left_out(name, why)
        self._parts.database.write(self._add_queues)
        self._parts.registration.register()
        self._loops.start()
        self._worker.start()
        info = self._parts.registration.info
        consumer_logs.ready(info.id, info.queues, info.tasks, info.threads)
        self._report(ReportKind.READY)

    def _add_queues(self, connection: Connection) -> None:
        manage.add_queues(connection, self._settings.queues)

    # Commands

    def _serve(self) -> Shutdown:
        """Obey commands until one of them ends the work."""
        while True:
            if shutdown := self._obey_next(COMMAND_POLL_S):
                return shutdown
            self._dead_consumers.rescue()

    def _obey_next(self, timeout: float) -> Shutdown | None:
        """Obey the next command, if one comes within ``timeout`` seconds."""
        try:
            command = self._commands.get(timeout=timeout)
        except Empty:
            return None
        return self._obey(command)

    def _obey(self, command: Command) -> Shutdown | None:
        """Do what a command says; return how this process is to end, None if it goes on."""
        match command.kind:
            case CommandKind.DUMP:
                consumer_logs.threads(describe_threads(self._worker.at_work()))
            case CommandKind.RESCUE:
                self._dead_consumers.rescue(command.consumers)
            case CommandKind.RELOAD:
                consumer_logs.cannot_reload()
            case _:
                self._stop_claiming(command)
        return plan_shutdown(command, grace=self._settings.grace)

    def _stop_claiming(self, command: Command) -> None:
        """Claim no more, and only then say so in the log."""
        self._worker.drain()
        running = len(self._worker.in_flight.unended())
        match command.kind:
            case CommandKind.DRAIN:
                consumer_logs.draining(command.reason, running, self._settings.grace)
            case CommandKind.RETIRE:
                consumer_logs.retiring(command.reason, running)
            case CommandKind.STOP:
                consumer_logs.stopping_now(command.reason)
            case _:
                pass  # the jobs that are abandoned are logged one by one

    # The end

    def _drain(self, shutdown: Shutdown) -> Shutdown:
        """Wait until all jobs have ended, or nobody wants to wait for them any more.

        Returns the last shutdown that was commanded.
        """
        deadline = shutdown.find_deadline(time.monotonic())
        while following := self._wait_idle(deadline):
            shutdown = following
            deadline = shutdown.find_deadline(time.monotonic(), deadline)
        return shutdown

    def _wait_idle(self, deadline: float | None) -> Shutdown | None:
        """Wait until all jobs have ended, or it is late, or a further command says how to end."""
        while not self._worker.is_idle and (deadline is None or time.monotonic() < deadline):
            if shutdown := self._obey_next(IDLE_POLL_S):
                return shutdown
        return None

    def _end(self, shutdown: Shutdown) -> int:
        """End what hangs, give back what else runs, and leave; return the exit code."""
        self._stop_elsewhere()
        for job in self._worker.end_hanging():
            job_logs.hangs(job)
        given_back = self._worker.give_back()
        deadline = time.monotonic() + GIVE_BACK_TIMEOUT_S
        while not self._worker.is_idle and time.monotonic() < deadline:
            time.sleep(IDLE_POLL_S)
        self._worker.stop()
        self._loops.stop()
        self._loops.join(deadline)
        return shutdown.exit_code if self._leave(len(given_back)) else FAILED

    def _stop_elsewhere(self) -> None:
        """Tell Zope instances to stop what nobody will wait for, and give them a moment for it."""
        runs = self._worker.in_flight.stop_elsewhere()
        if runs and self._parts.zope is not None:
            self._parts.zope.stop([run.key for run in runs], within=GIVE_BACK_TIMEOUT_S)

    def _leave(self, given_back: int) -> bool:
        """Return False if the database couldn't be told; the rescuers do the rest then."""
        try:
            self._parts.registration.unregister()
        except StoreUnavailable:
            consumer_logs.stopped_without_database(len(self._worker.in_flight.ended()))
            return False
        consumer_logs.stopped(given_back)
        return True
