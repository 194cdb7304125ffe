"""A worker process as its supervisor sees it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from threading import Thread
from typing import IO

from coserver_consumer import interpreter
from coserver_consumer.channel import (
    Command,
    Is,
    Opening,
    Report,
    read_report,
    write_command,
    write_opening,
)
from coserver_consumer.settings import Settings

MODULE = "coserver_consumer.entry"


class Child:
    """A process that was started with an opening.

    ``hear`` is called with each of its reports, and with None when it has ended; from a thread.
    """

    def __init__(self, opening: Opening, hear: Callable[[Child, Report | None], None]) -> None:
        self.number = opening.number
        self.settings: Settings = opening.settings
        self.consumers: list[str] = []  # the ids that it has had its leases under
        self.is_ready = False
        self.started = self.heard = time.monotonic()
        self._hear = hear
        self._process = subprocess.Popen(
            interpreter.command(MODULE),
            env=interpreter.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            creationflags=_creation_flags(),
        )
        self._write(write_opening(opening))
        Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()

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

    def command(self, command: Command) -> None:
        """Send a command; one that has ended doesn't mind."""
        self._write(write_command(command))

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def wait(self) -> int:
        """Return the exit code of one whose end was heard; negative if a signal ended it."""
        return self._process.wait()

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
            self._hear(self, read_report(line))
        self._process.wait()
        self._hear(self, None)


def _creation_flags() -> int:
    """Keep a Ctrl-C at a Windows console from the child: the supervisor tells it what to do."""
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP
    return 0
