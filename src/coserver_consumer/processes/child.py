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
    Is,
    Opening,
    Report,
    read_report,
    write_command,
    write_opening,
)
from coserver_consumer.processes.process_group import end_group_with
from coserver_consumer.processes.restart_policy import Exit
from coserver_consumer.settings import held_signals, python_command
from coserver_consumer.settings.settings import Settings

MODULE = "coserver_consumer.processes.entry"
LAST_REPORTS = 2.0  # seconds in which what a process has reported is read after its end


class Child:
    """A process that was started with an opening.

    ``hear`` is called with each of its reports, and with None when it has ended; from a thread.
    """

    def __init__(self, opening: Opening, hear: Callable[[Child, Report | None], None]) -> None:
        self.number = opening.number
        self.settings: Settings = opening.settings
        self.consumers: list[str] = []  # the ids that it has had its leases under
        self.is_ready = self.is_done = False
        self.started = self.heard = time.monotonic()
        self._hear = hear
        with held_signals.holding():  # until it can obey them
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
        self._write(write_opening(opening))
        self._listener = Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._listener.start()
        Thread(target=self._await_end, daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def silence(self) -> float:
        """For how many seconds nothing was heard of it."""
        return time.monotonic() - self.heard

    def note(self, report: Report) -> None:
        """Keep what a report says of the process."""
        self.heard = time.monotonic()
        if report.says is Is.REGISTERED:
            self.consumers.append(report.what)
        elif report.says is Is.READY:
            self.is_ready = True
        elif report.says is Is.DONE:
            self.is_done = True

    def command(self, command: Command) -> None:
        """Send a command; one that has ended doesn't mind."""
        self._write(write_command(command))

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def read_exit(self) -> Exit:
        """Return how one has ended whose end was heard."""
        return Exit(
            code=self._process.wait(),
            is_announced=self.is_done,
            was_ready=self.is_ready,
            lived=time.monotonic() - self.started,
        )

    def _write(self, line: str) -> None:
        pipe = self._process.stdin
        try:
            if pipe is not None:
                pipe.write(line)
                pipe.flush()
        except OSError:
            return  # its end is heard as well

    def _listen(self, pipe: IO[str]) -> None:
        for line in pipe:
            with suppress(ValueError, KeyError, TypeError):  # code of a job wrote into the pipe
                self._hear(self, read_report(line))

    def _await_end(self) -> None:
        """Say when the process has ended, behind all that it had to report.

        The end of the pipe needn't come: a child that a job has forked may hold it.
        """
        end_group_with(self._process)
        self._listener.join(LAST_REPORTS)
        self._hear(self, None)


def _creation_flags() -> int:
    """Keep a Ctrl-C at a Windows console from the child: the supervisor tells it what to do."""
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP
    return 0
