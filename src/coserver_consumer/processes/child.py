"""A worker process as its supervisor sees it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import IO

from coserver_consumer.processes.control import (
    Command,
    Opening,
    Report,
    ReportKind,
    dump_command,
    dump_opening,
    load_report,
)
from coserver_consumer.processes.process_group import end_group_with
from coserver_consumer.processes.restart_policy import Exit
from coserver_consumer.settings import python_command, signal_mask

MODULE = "coserver_consumer.processes.entry"
LAST_REPORTS_TIMEOUT_S = 2.0  # to read, after the process has ended, what it had reported

Receive = Callable[["Child", Report | None], None]


class Child:
    """A process that was started with an opening, and has a serial number.

    ``receive`` is called with each of its reports, and with None when it has ended; from a thread.
    """

    def __init__(self, serial: int, opening: Opening, receive: Receive) -> None:
        self.serial = serial
        self.slot = opening.slot
        self.settings = opening.settings
        self.consumers = list(opening.dead_consumers)  # ids whose jobs are lost if it dies
        self.is_ready = self._is_done = False
        self._started_at = self._reported_at = time.monotonic()
        self._receive = receive
        with signal_mask.blocked():  # until it can obey them
            self._process = subprocess.Popen(
                python_command.command(MODULE),
                env=python_command.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                creationflags=_creation_flags(),
                process_group=0,
            )
        self._write(dump_opening(opening))
        self._reader = Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        Thread(target=self._await_end, daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def silence(self) -> float:
        """For how many seconds it has reported nothing."""
        return time.monotonic() - self._reported_at

    @property
    def is_silent(self) -> bool:
        """True if its threads don't run any more; one that starts may be silent for long."""
        return self.is_ready and self.silence > self.settings.dead_after

    def excuse_silence(self) -> None:
        """Count its silence from now on."""
        self._reported_at = time.monotonic()

    def note(self, report: Report) -> None:
        """Keep what a report says of the process."""
        self._reported_at = time.monotonic()
        if report.kind is ReportKind.REGISTERED:
            self.consumers.append(report.detail)
        elif report.kind is ReportKind.READY:
            self.is_ready = True
        elif report.kind is ReportKind.DONE:
            self._is_done = True

    def send(self, command: Command) -> None:
        """Send a command; a process that has ended doesn't mind."""
        self._write(dump_command(command))

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def read_exit(self) -> Exit:
        """Return how a process has ended; wait for its end if need be."""
        return Exit(
            process=self.serial,
            code=self._process.wait(),
            is_announced=self._is_done,
            was_ready=self.is_ready,
            lived=time.monotonic() - self._started_at,
        )

    def _write(self, line: str) -> None:
        pipe = self._process.stdin
        try:
            if pipe is not None:
                pipe.write(line)
                pipe.flush()
        except OSError:
            return  # it has ended, which is noticed elsewhere

    def _read(self, pipe: IO[str]) -> None:
        for line in pipe:
            with suppress(ValueError, KeyError, TypeError):  # a job's code wrote into the pipe
                self._receive(self, load_report(line))

    def _await_end(self) -> None:
        """Say that the process has ended, behind all that it had to report.

        The end of the pipe needn't come: a child that a job has forked may hold it.
        """
        end_group_with(self._process)
        self._reader.join(LAST_REPORTS_TIMEOUT_S)
        self._receive(self, None)


def _creation_flags() -> int:
    """Keep a Ctrl-C at a Windows console from the child: the supervisor tells it what to do."""
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP
    return 0
