"""A program that runs beside us, with its output in a log file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

PAUSE = 0.1  # seconds between two looks at a condition


class ProcessFailed(RuntimeError):
    """A process ended or wasn't ready in time; the text ends with the tail of its log."""


def always(process: Process) -> bool:
    """Ready as soon as it was started."""
    return True


def wait_until(condition: Callable[[], bool], *, within: float, what: str) -> None:
    """Return when ``condition`` holds; raise ``TimeoutError`` after ``within`` seconds."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"Waited {within:g} s in vain until {what}.")
        time.sleep(PAUSE)


class Process:
    """One program. It can be started again after it was stopped or killed.

    ``ready`` says when a start is done; ``within`` is how many seconds it may take.
    ``ending`` is the signal for a clean stop. The log file is appended to. ``environment`` is
    the whole of it; without it the process gets ours.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        ready: Callable[[Process], bool] = always,
        within: float = 120,
        ending: signal.Signals = signal.SIGTERM,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self.ready = ready
        self.within = within
        self.ending = ending
        self.directory = directory
        self.environment = environment
        self._popen: subprocess.Popen[bytes] | None = None
        self._began_at = 0  # where in the log the output of this start begins

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        if self._popen is None:
            raise ProcessFailed(f"{self.name} was never started.")
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """True from its start to its end."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative if a signal ended it."""
        return self._popen.poll() if self._popen else None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start it in a session of its own, so that a Ctrl-C at the terminal is ours alone."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._began_at = output.tell()
            self._popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=self.environment,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Wait until it is ready; raise ``ProcessFailed`` if it ends or takes too long."""
        try:
            wait_until(
                lambda: not self.is_running or self.ready(self),
                within=self.within,
                what="it was ready",
            )
        except TimeoutError as error:
            self.kill()
            raise self.failure(str(error)) from None
        if not self.is_running:
            raise self.failure(f"It ended with exit code {self.exit_code}.")

    def wait(self, within: float = 60) -> int:
        """Wait until it has ended by itself; return its exit code."""
        try:
            wait_until(lambda: not self.is_running, within=within, what="it ended")
        except TimeoutError as error:
            raise self.failure(str(error)) from None
        return self.exit_code or 0

    def stop(self, within: float = 90) -> int | None:
        """End it cleanly, or with SIGKILL after ``within`` seconds; return its exit code."""
        if self.is_running:
            self.send(self.ending)
            try:
                wait_until(lambda: not self.is_running, within=within, what="it ended")
            except TimeoutError:
                self.kill()
        return self.exit_code

    def kill(self) -> None:
        """End it with SIGKILL, as a crash does, together with the processes it started."""
        if self._popen is None or not self.is_running:
            return
        self._popen.send_signal(signal.SIGSTOP)  # it must not start others meanwhile
        for each in psutil.Process(self._popen.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                each.kill()  # it may have a process group of its own
        os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def output(self) -> str:
        """Return what it has written since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._began_at)
            return log.read().decode(errors="replace")

    def tail(self, lines: int = 30) -> str:
        """Return the last lines it has written."""
        return "\n".join(self.output().splitlines()[-lines:])

    def failure(self, what: str) -> ProcessFailed:
        """Return an error that says ``what``, with the tail of the log."""
        return ProcessFailed(f"{self.name}: {what} The end of {self.log}:\n{self.tail()}")
