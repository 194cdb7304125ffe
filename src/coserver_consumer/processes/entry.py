"""How a worker process begins and ends: alone, or under a supervisor (run as a module)."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from queue import SimpleQueue
from threading import Lock, Thread
from traceback import format_exception
from typing import NoReturn, TextIO

from coserver_consumer.processes.control import (
    Command,
    Do,
    Is,
    Opening,
    Report,
    read_command,
    read_opening,
    write_report,
)
from coserver_consumer.processes.exit_codes import FAILED, START_AGAIN, Complaint, find_complaint
from coserver_consumer.processes.forks import guard_children
from coserver_consumer.processes.own_files import OwnFiles
from coserver_consumer.processes.signals import leave_signals_to_supervisor
from coserver_consumer.processes.worker_process import Commands, Tell, work
from coserver_consumer.runtime import logs
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.settings.settings import Settings

PULSE = 2.0  # seconds
BEATS = 4  # of the pulse, at least, in the silence after which the supervisor kills


def run_alone(settings: Settings, commands: Commands) -> NoReturn:
    """Run a consumer of one process until a signal, which becomes a command, stops it."""

    def tell(report: Report) -> None:
        if report.says is Is.WORN:
            commands.put(Command(do=Do.RETIRE, why=report.what))

    guard_children()
    logs.configure(settings.log_level)
    own = OwnFiles()
    Loop("files", every=PULSE, tick=own.require).start()
    leave(lambda: work(Opening(settings=settings), commands, tell, own))


def main() -> NoReturn:
    """Run a worker process for the supervisor at the other end of standard input and output."""
    commands: Commands = SimpleQueue()
    leave_signals_to_supervisor(commands.put)
    heard, told = _take_over_stdin(), _take_over_stdout()
    guard_children(heard.fileno(), told.fileno())
    own = OwnFiles(heard.fileno(), told.fileno())
    tell = _make_tell(told, own)
    opening = read_opening(heard.readline())
    logs.configure(opening.settings.log_level, opening.settings.name)
    Thread(target=_listen, args=(heard, commands), name="commands", daemon=True).start()
    pulse = min(PULSE, opening.settings.dead_after / BEATS)
    Loop("pulse", every=pulse, tick=lambda: tell(Report(says=Is.ALIVE))).start()
    leave(lambda: work(opening, commands, tell, own), tell)


def leave(run: Callable[[], int], tell: Tell = lambda _: None) -> NoReturn:
    """End the process with the exit code that ``run`` returns, or that its error asks for.

    At once: a thread that hangs would hold up an ordinary end of Python. It is told if the database
    knows all: jobs can end the process as well, with any exit code.
    """
    try:
        code = run()
    except Exception as error:  # noqa: BLE001  whatever it is, the process ends with it
        code = _complain(error)
    if code in {0, START_AGAIN}:
        tell(Report(says=Is.DONE))
    try:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:  # a job may have closed them or put something else in their place
        os._exit(code)


def _complain(error: Exception) -> int:
    """Write what is wrong, and return the exit code for it."""
    complaint = find_complaint(error) or Complaint("".join(format_exception(error)), FAILED)
    with suppress(Exception):  # a job may have closed it
        sys.stderr.write(f"Error: {complaint.line}\n")
    return complaint.code


def _take_over_stdin() -> TextIO:
    """Return the pipe from the supervisor; programs that jobs start find nothing to read there."""
    pipe = os.fdopen(os.dup(sys.stdin.fileno()), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    return pipe


def _take_over_stdout() -> TextIO:
    """Return the pipe to the supervisor; what jobs print goes to standard error from now on."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    return pipe


def _make_tell(pipe: TextIO, own: OwnFiles) -> Callable[[Report], None]:
    lock = Lock()

    def tell(report: Report) -> None:
        with lock:
            own.require()
            try:
                pipe.write(write_report(report))
                pipe.flush()
            except OSError:
                return  # the supervisor is gone, and so will be this process

    return tell


def _listen(pipe: TextIO, commands: Commands) -> None:
    """Take commands until the supervisor is gone, and then no new jobs."""
    for line in pipe:
        commands.put(read_command(line))
    commands.put(Command(do=Do.DRAIN, why="the supervisor is gone"))


if __name__ == "__main__":
    main()
