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
    CommandKind,
    Opening,
    Report,
    ReportKind,
    dump_report,
    load_command,
    load_opening,
)
from coserver_consumer.processes.exit_codes import (
    FAILED,
    START_AGAIN,
    ErrorExit,
    find_error_exit,
)
from coserver_consumer.processes.forks import guard_children
from coserver_consumer.processes.own_files import OwnFiles
from coserver_consumer.processes.signals import leave_signals_to_supervisor
from coserver_consumer.processes.worker_process import Commands, Send, work
from coserver_consumer.runtime.logs import log_output
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.settings.settings import Settings

ALIVE_EVERY_S = 2.0
ALIVE_REPORTS_IN_SILENCE = 4  # at least, in the time after which the supervisor kills


def run_alone(settings: Settings, commands: Commands) -> NoReturn:
    """Run a consumer of one process until a signal, which becomes a command, stops it."""

    def send(report: Report) -> None:
        if report.kind is ReportKind.WORN:
            commands.put(Command(kind=CommandKind.RETIRE, reason=report.detail))

    guard_children()
    log_output.configure(settings.log_level)
    own = OwnFiles()
    Loop("files", every=ALIVE_EVERY_S, tick=own.require).start()
    leave(lambda: work(Opening(settings=settings), commands, send, own))


def main() -> NoReturn:
    """Run a worker process for the supervisor at the other end of standard input and output."""
    commands: Commands = SimpleQueue()
    leave_signals_to_supervisor(commands.put)
    commands_pipe, reports_pipe = _take_over_stdin(), _take_over_stdout()
    descriptors = commands_pipe.fileno(), reports_pipe.fileno()
    guard_children(*descriptors)
    own = OwnFiles(*descriptors)
    send = _make_send(reports_pipe, own)
    opening = load_opening(commands_pipe.readline())
    settings = opening.settings
    log_output.configure(settings.log_level, settings.name)
    Thread(target=_read, args=(commands_pipe, commands), name="commands", daemon=True).start()
    every = min(ALIVE_EVERY_S, settings.dead_after / ALIVE_REPORTS_IN_SILENCE)
    Loop("alive", every=every, tick=lambda: send(Report(kind=ReportKind.ALIVE))).start()
    leave(lambda: work(opening, commands, send, own), send)


def leave(run: Callable[[], int], send: Send = lambda _: None) -> NoReturn:
    """End the process with the exit code that ``run`` returns, or that its error asks for.

    At once: a thread that hangs would hold up an ordinary end of Python. That the database knows
    all is reported before: a job can end the process as well, with any exit code.
    """
    try:
        code = run()
    except Exception as error:  # noqa: BLE001  whatever it is, the process ends with it
        code = _write_error(error)
    if code in {0, START_AGAIN}:
        send(Report(kind=ReportKind.DONE))
    try:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:  # a job may have closed them or put something else in their place
        os._exit(code)


def _write_error(error: Exception) -> int:
    """Write what is wrong, and return the exit code for it."""
    ended = find_error_exit(error) or ErrorExit("".join(format_exception(error)), FAILED)
    with suppress(Exception):  # a job may have closed it
        sys.stderr.write(f"Error: {ended.line}\n")
    return ended.code


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


def _make_send(pipe: TextIO, own: OwnFiles) -> Send:
    """Return what sends reports to the supervisor, from any thread."""
    lock = Lock()

    def send(report: Report) -> None:
        with lock:
            own.require()
            try:
                pipe.write(dump_report(report))
                pipe.flush()
            except OSError:
                return  # the supervisor is gone, and so will be this process

    return send


def _read(pipe: TextIO, commands: Commands) -> None:
    """Take commands until the supervisor is gone, and then no new jobs."""
    for line in pipe:
        commands.put(load_command(line))
    commands.put(Command(kind=CommandKind.DRAIN, reason="the supervisor is gone"))


if __name__ == "__main__":
    main()
