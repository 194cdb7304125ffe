"""The supervisor: ``coserver run``. It starts worker processes, and others where they end.

It holds no connection to the database and runs no job, so there is little that can harm it: what
a process that died has left is taken back by another process, which the supervisor tells to.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import assert_never

from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.processes.child import Child
from coserver_consumer.processes.control import Command, Do, Is, Opening, Report
from coserver_consumer.processes.restart_policy import (
    Decision,
    Exit,
    GiveUp,
    KeepHolder,
    Leave,
    Nothing,
    Restart,
    decide,
)
from coserver_consumer.processes.slot import Slot
from coserver_consumer.runtime import logs
from coserver_consumer.settings.settings import Settings

LOOKS = 0.5  # seconds between two looks at the clock
LAST_WORDS = 10.0  # seconds beyond the grace in which a process has to end

Load = Callable[[], Settings]


@dataclass(frozen=True, slots=True)
class Heard:
    """A report of a child, None if it has ended."""

    child: Child
    report: Report | None


Events = SimpleQueue[Command | Heard]  # its put is safe in a signal handler


def run(settings: Settings, load: Load, events: Events) -> int:
    """Run a consumer until a signal stops it; return the exit code, 0 if the database knows all.

    ``load`` reads the settings anew; it raises ``ConfigurationError``. Signals come as ``events``,
    and may have come already.
    """
    logs.configure(settings.log_level)
    return Supervisor(settings, load, events).run()


class Supervisor:
    """Keeps as many worker processes as the settings say."""

    def __init__(self, settings: Settings, load: Load, events: Events) -> None:
        self._settings = settings
        self._proven: Settings | None = None  # the settings that a process became ready with
        self._load = load
        self._events = events
        self._slots: dict[int, Slot] = {}
        self._retiring: list[Child] = []
        self._dead: list[str] = []  # consumers whose jobs nobody has taken back yet
        self._deadline: float | None = None  # when all must have ended
        self._exit_code = 0
        self._is_reload_due = False  # somebody has asked for it before a process was ready
        self._looked = time.monotonic()

    def run(self) -> int:
        """Supervise until all has ended; return the exit code."""
        self._slots[1] = Slot()  # the others follow when this one is ready
        while not self._events.empty():  # whoever wants it to end needn't wait until it is there
            self._handle(self._events.get())
        while self._slots or self._retiring:
            self._look_at_clock()
            try:
                event = self._events.get(timeout=LOOKS)
            except Empty:
                continue
            self._handle(event)
        return self._exit_code

    def _handle(self, event: Command | Heard) -> None:
        if isinstance(event, Command):
            self._obey(event)
        elif event.report is None:
            self._see_off(event.child, event.child.read_exit())
        else:
            event.child.note(event.report)
            self._hear(event.child, event.report)

    def _obey(self, command: Command) -> None:
        match command.do:
            case Do.RELOAD:
                self._reload()
            case Do.DUMP:
                self._tell_all(command)
            case _:
                self._end(command)

    def _hear(self, child: Child, report: Report) -> None:
        match report.says:
            case Is.READY:
                self._install(child)
            case Is.WORN:
                self._replace(child, report.what)
            case Is.REGISTERED | Is.ALIVE | Is.DONE:
                pass

    # The life of a process

    def _look_at_clock(self) -> None:
        """Start what is due, and end what is late."""
        now = time.monotonic()
        was_away, self._looked = now - self._looked > LOOKS * 10, now
        if self._deadline is not None:
            self._end_late(now)
            return
        for number, slot in self._slots.items():
            if slot.child is None and now >= slot.due:
                slot.child = self._start(number)
        if was_away:  # it was us who stood still, and our children may have stood still as well
            for child in self._children():
                child.heard = now
        self._kill_silent()

    def _start(self, number: int) -> Child:
        opening = Opening(
            settings=self._settings_for(number), number=number, dead=tuple(self._dead)
        )
        self._dead.clear()
        child = Child(opening, lambda child, report: self._events.put(Heard(child, report)))
        child.consumers += opening.dead  # its own to take care of, until it is ready
        logs.process_started(number, child.pid)
        return child

    def _settings_for(self, number: int) -> Settings:
        settings = self._settings
        if settings.processes > 1:
            settings = replace(settings, name=f"{settings.name}/{number}")
        return settings

    def _install(self, child: Child) -> None:
        """Let a process that is ready have its place, and the one before it retire."""
        if self._deadline is not None:
            return
        slot = self._slots.get(child.number)
        if slot is not None and slot.successor is child:
            before, slot.child, slot.successor = slot.child, child, None
            self._retire(before, "its successor is ready")
        if child.settings == self._settings_for(child.number):
            self._proven = self._settings
        elif slot is not None and slot.successor is None:  # they were read anew while it started
            slot.successor = self._start(child.number)
        self._fill()
        if self._is_reload_due:
            self._is_reload_due = False
            self._reload()

    def _fill(self) -> None:
        """Have as many places as the settings say."""
        wanted = range(1, self._settings.processes + 1)
        for number in wanted:
            self._slots.setdefault(number, Slot())
        for number in [number for number in self._slots if number not in wanted]:
            slot = self._slots.pop(number)
            for child in (slot.child, slot.successor):
                self._retire(child, "there are fewer processes now")

    def _retire(self, child: Child | None, why: str) -> None:
        if child is not None:
            child.command(Command(do=Do.RETIRE, why=why))
            self._retiring.append(child)

    def _replace(self, child: Child, why: str) -> None:
        """Start a successor of a worn process, which works on until that is ready."""
        slot = self._slots.get(child.number)
        if slot is None or slot.child is not child or slot.successor or self._is_paused(slot):
            return
        logs.process_is_worn(child.number, why)
        slot.successor = self._start(child.number)

    def _is_paused(self, slot: Slot) -> bool:
        return self._deadline is not None or time.monotonic() < slot.due

    def _see_off(self, child: Child, end: Exit) -> None:
        """Do what follows from the end of a process, and see to what it left behind."""
        if not end.is_announced:
            self._dead += child.consumers
        slot = self._slots.get(child.number, Slot())
        decision = decide(
            end,
            slot.role_of(child),
            failures=slot.failures,
            is_stopping=self._deadline is not None,
            has_been_ready=self._proven is not None,
        )
        self._apply(decision, child, slot, end)
        self._see_to_dead()

    def _apply(self, decision: Decision, child: Child, slot: Slot, end: Exit) -> None:
        match decision:
            case Nothing():
                self._retiring.remove(child)
            case Leave(exit_code=code):
                self._exit_code = self._exit_code or code
                if slot.drop(child):
                    del self._slots[child.number]
            case GiveUp(exit_code=code):
                self._exit_code = code
                del self._slots[child.number]
            case Restart(failures=failures, pause=pause):
                slot.child, slot.successor = slot.successor, None
                self._put_off(slot, child, end, failures, pause)
            case KeepHolder(failures=failures, pause=pause):
                slot.successor = None
                self._put_off(slot, child, end, failures, pause)
                self._fall_back(f"the process that was started with them ended with {end.code}")
            case _:
                assert_never(decision)

    def _put_off(self, slot: Slot, child: Child, end: Exit, failures: int, pause: float) -> None:
        """Note when the next process may be started."""
        slot.failures, slot.due = failures, time.monotonic() + pause
        if not end.is_handover:
            logs.process_died(child.number, child.pid, end.code, pause)

    def _see_to_dead(self) -> None:
        """Have a living process take the jobs of the dead back; else the next one will."""
        heir = next((child for child in self._children() if child.is_ready), None)
        if self._dead and heir is not None:
            heir.command(Command(do=Do.RESCUE, consumers=tuple(self._dead)))
            self._dead.clear()

    def _kill_silent(self) -> None:
        """Kill processes whose threads don't run any more; the end of the pipe tells the rest."""
        for child in self._children():
            if child.is_ready and child.silence > child.settings.dead_after:
                logs.process_is_silent(child.number, child.pid, child.silence)
                child.kill()

    # New settings

    def _reload(self) -> None:
        """Read the settings anew and have every process replaced by one that has them."""
        if self._deadline is not None:
            return
        if self._proven is None:  # there may be nobody to fall back on
            self._is_reload_due = True
            return
        try:
            self._settings = self._load()
        except ConfigurationError as error:
            logs.reload_refused(str(error))
            return
        logs.reloading(self._settings.processes)
        for number, slot in self._slots.items():
            if slot.child is not None and slot.successor is None:
                slot.successor = self._start(number)

    def _fall_back(self, why: str) -> None:
        if self._proven is not None and self._settings is not self._proven:
            self._settings = self._proven
            logs.reload_refused(why)

    # The end

    def _end(self, command: Command) -> None:
        """Have all end: within the grace, or now."""
        self._tell_all(command)
        if self._deadline is None:
            for number in [number for number, slot in self._slots.items() if slot.child is None]:
                del self._slots[number]
        grace = self._settings.grace if command.do is Do.DRAIN else 0.0
        deadline = time.monotonic() + grace + LAST_WORDS
        self._deadline = min(self._deadline or deadline, deadline)

    def _end_late(self, now: float) -> None:
        if self._deadline is not None and now > self._deadline:
            for child in self._children():
                logs.process_is_late(child.number, child.pid)
                child.kill()
            self._deadline = now + LAST_WORDS

    def _tell_all(self, command: Command) -> None:
        for child in self._children():
            child.command(command)

    def _children(self) -> list[Child]:
        """Return all processes, those that are to have a place and those that had one too."""
        placed = [child for slot in self._slots.values() for child in (slot.child, slot.successor)]
        return [child for child in placed if child is not None] + self._retiring
