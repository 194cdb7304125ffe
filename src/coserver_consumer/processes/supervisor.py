"""The supervisor: ``coserver run``. It starts worker processes, and others where they end.

It holds no connection to the database and runs no job, so little can harm it. What a dead process
has left behind is taken back by another worker process, which the supervisor commands to do so.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import assert_never

from coserver_consumer.processes.child import Child
from coserver_consumer.processes.control import Command, CommandKind, Opening, Report, ReportKind
from coserver_consumer.processes.live_settings import LiveSettings, Load
from coserver_consumer.processes.restart_policy import (
    Decision,
    Exit,
    GiveUp,
    Ignore,
    KeepHolder,
    Restart,
    SupervisorState,
    Vacate,
    decide,
)
from coserver_consumer.processes.slot import Role, Slot
from coserver_consumer.processes.workers import Workers
from coserver_consumer.runtime.logs import log_output, process_logs
from coserver_consumer.settings.settings import Settings

TICK_S = 0.5  # between two looks at the clock
STANDSTILL_TICKS = 10  # missed in a row: it was the whole machine that stood still
EXIT_TIMEOUT_S = 10.0  # beyond the grace, in which a process has to end; then it is killed


@dataclass(frozen=True, slots=True)
class Received:
    """A report of a child; None if the child has ended."""

    child: Child
    report: Report | None


Events = SimpleQueue[Command | Received]  # its put is safe in a signal handler


def run(settings: Settings, load: Load, events: Events) -> int:
    """Run a consumer until a signal stops it; return the exit code, 0 if the database knows all.

    ``load`` reads the settings anew; it raises ``ConfigurationError``. Signals come as ``events``,
    and may have come already.
    """
    log_output.configure(settings.log_level)
    return Supervisor(settings, load, events).run()


class Supervisor:
    """Keeps as many worker processes as the settings say."""

    def __init__(self, settings: Settings, load: Load, events: Events) -> None:
        self._settings = LiveSettings(settings, load)
        self._events = events
        self._workers = Workers(lambda child, report: events.put(Received(child, report)))
        self._slots: dict[int, Slot] = {}
        self._dead_consumers: list[str] = []  # nobody has taken back their jobs yet
        self._deadline: float | None = None  # when all processes must have ended
        self._exit_code = 0
        self._is_reload_due = False  # somebody has asked for it before a process was ready
        self._ticked_at = time.monotonic()

    def run(self) -> int:
        """Supervise until all processes have ended; return the exit code."""
        self._slots[1] = Slot()  # the others follow when its process is ready
        while not self._events.empty():  # a signal to end may have come before anything is started
            self._handle(self._events.get())
        while self._slots or self._workers:
            self._on_tick()
            try:
                event = self._events.get(timeout=TICK_S)
            except Empty:
                continue
            self._handle(event)
        return self._exit_code

    @property
    def _state(self) -> SupervisorState:
        if self._is_stopping:
            return SupervisorState.STOPPING
        if self._settings.are_proven:
            return SupervisorState.RUNNING
        return SupervisorState.STARTING

    @property
    def _is_stopping(self) -> bool:
        return self._deadline is not None

    def _handle(self, event: Command | Received) -> None:
        if isinstance(event, Command):
            self._on_command(event)
        elif event.report is None:
            self._on_exit(event.child, event.child.read_exit())
        else:
            event.child.note(event.report)
            self._on_report(event.child, event.report)

    def _on_command(self, command: Command) -> None:
        match command.kind:
            case CommandKind.RELOAD:
                self._reload()
            case CommandKind.DUMP:
                self._workers.send_all(command)
            case _:
                self._stop(command)

    def _on_report(self, child: Child, report: Report) -> None:
        match report.kind:
            case ReportKind.READY:
                self._on_ready(child)
            case ReportKind.WORN:
                self._on_worn(child, report.detail)
            case ReportKind.REGISTERED | ReportKind.ALIVE | ReportKind.DONE:
                pass

    # The life of a process

    def _on_tick(self) -> None:
        """Start the processes that are due, and kill those that are late or silent."""
        now = time.monotonic()
        stood_still = now - self._ticked_at > TICK_S * STANDSTILL_TICKS
        self._ticked_at = now
        if self._deadline is not None:
            self._kill_late(now, self._deadline)
            return
        self._start_due(now)
        if stood_still:  # the supervisor did, and its children may have stood still as well
            self._workers.excuse_silence()
        self._workers.kill_silent()

    def _start_due(self, now: float) -> None:
        for number, slot in self._slots.items():
            if slot.holder is None and now >= slot.not_before:
                self._slots[number] = replace(slot, holder=self._start(number))

    def _start_successor(self, number: int) -> None:
        self._slots[number] = replace(self._slots[number], successor=self._start(number))

    def _start(self, number: int) -> int:
        """Start a process for a slot; return its serial number."""
        opening = Opening(
            settings=self._settings.for_slot(number),
            slot=number,
            dead_consumers=tuple(self._dead_consumers),
        )
        self._dead_consumers.clear()
        return self._workers.start(opening)

    def _on_ready(self, child: Child) -> None:
        """Give a process that is ready its slot, and have the one before it retire."""
        if self._is_stopping:
            return
        slot = self._slots.get(child.slot)
        if slot is not None and slot.successor == child.serial:
            self._retire(slot.holder, "its successor is ready")
            slot = self._slots[child.slot] = slot.promote()
        is_current = self._settings.prove(child.settings, child.slot)
        if not is_current and slot is not None and slot.successor is None:
            self._start_successor(child.slot)  # the settings were read anew while it started
        self._fit_slots()
        if self._is_reload_due:
            self._reload()

    def _fit_slots(self) -> None:
        """Have as many slots as the settings say."""
        wanted = range(1, self._settings.current.processes + 1)
        for number in wanted:
            self._slots.setdefault(number, Slot())
        for number in [number for number in self._slots if number not in wanted]:
            slot = self._slots.pop(number)
            for process in (slot.holder, slot.successor):
                self._retire(process, "there are fewer processes now")

    def _retire(self, process: int | None, reason: str) -> None:
        if process is not None:
            self._workers.send(process, Command(kind=CommandKind.RETIRE, reason=reason))

    def _on_worn(self, child: Child, why: str) -> None:
        """Start a successor of a worn process, which works on until that is ready."""
        slot = self._slots.get(child.slot)
        if slot is None or slot.holder != child.serial or slot.successor is not None:
            return
        if self._is_stopping or time.monotonic() < slot.not_before:
            return
        process_logs.worn(child.slot, why)
        self._start_successor(child.slot)

    def _on_exit(self, child: Child, ended: Exit) -> None:
        """Decide what follows from the end of a process, and see to the jobs it has left behind."""
        self._workers.remove(child)
        if not ended.is_announced:
            self._dead_consumers += child.consumers
        slot = self._slots.get(child.slot, Slot())
        self._apply(decide(slot, ended, self._state), child, slot, ended)
        self._rescue()

    def _apply(self, decision: Decision, child: Child, slot: Slot, ended: Exit) -> None:
        left = slot.remove(child.serial)
        match decision:
            case Ignore():
                pass
            case Vacate(exit_code=code):
                self._exit_code = self._exit_code or code
                self._slots[child.slot] = left
                self._remove_empty_slots()
            case GiveUp(exit_code=code):
                self._exit_code = code
                del self._slots[child.slot]
                self._stop(Command(kind=CommandKind.STOP, reason="the first process has ended"))
            case Restart(failures=failures, backoff=backoff):
                self._slots[child.slot] = _back_off(left, child, ended, failures, backoff)
            case KeepHolder(failures=failures, backoff=backoff):
                self._slots[child.slot] = _back_off(left, child, ended, failures, backoff)
                self._settings.fall_back(ended.code)
            case _:
                assert_never(decision)

    def _remove_empty_slots(self) -> None:
        self._slots = {number: slot for number, slot in self._slots.items() if not slot.is_empty}

    def _rescue(self) -> None:
        """Have a process take back the jobs of the dead; else the next one that starts will."""
        rescuer = self._find_rescuer()
        if self._dead_consumers and rescuer is not None:
            dead = tuple(self._dead_consumers)
            rescuer.send(Command(kind=CommandKind.RESCUE, consumers=dead))
            self._dead_consumers.clear()

    def _find_rescuer(self) -> Child | None:
        """Return a process that is ready; one that has retired, and may end soon, if need be."""
        ready = [child for child in self._workers if child.is_ready]
        return min(ready, key=lambda child: self._role_of(child) is Role.RETIRED, default=None)

    def _role_of(self, child: Child) -> Role:
        return self._slots.get(child.slot, Slot()).role_of(child.serial)

    def _reload(self) -> None:
        """Read the settings anew, and have every process replaced by one that has them."""
        if self._is_stopping:
            return
        self._is_reload_due = not self._settings.are_proven  # there may be none to fall back on
        if self._is_reload_due or not self._settings.reload():
            return
        for number, slot in self._slots.items():
            if slot.holder is not None and slot.successor is None:
                self._start_successor(number)

    # The end

    def _stop(self, command: Command) -> None:
        """Have all processes end: within the grace, or now."""
        self._workers.send_all(command)
        self._remove_empty_slots()
        grace = self._settings.current.grace if command.kind is CommandKind.DRAIN else 0.0
        deadline = time.monotonic() + grace + EXIT_TIMEOUT_S
        self._deadline = min(self._deadline or deadline, deadline)

    def _kill_late(self, now: float, deadline: float) -> None:
        if now > deadline:
            self._workers.kill_all()
            self._deadline = now + EXIT_TIMEOUT_S


def _back_off(slot: Slot, child: Child, ended: Exit, failures: int, backoff: float) -> Slot:
    """Return the slot with the time when its next process may be started."""
    if not ended.wants_restart:
        process_logs.died(child.slot, child.pid, ended.code, backoff)
    return slot.back_off(failures=failures, until=time.monotonic() + backoff)
