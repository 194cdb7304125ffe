"""Children that a task forks from a worker process: nothing of that process goes on in them.

A fork has copies of all open files and of the thread that called it. That thread would go on in it
as if it were the worker's: report to the supervisor, and run the jobs that wait.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.processes.signals import ENDINGS, OTHERS
from coserver_consumer.runtime.logs import log_output

STDERR = 2  # its file descriptor

Attempt = Callable[[CurrentJob], Ending]

_before_fork = threading.local()  # its ``mask``: the signals that the thread was blocking


def guard_children(*descriptors: int) -> None:
    """Have each child that is forked from now on find nothing in these files.

    Signals do to it what they do to any program: ``multiprocessing`` ends its children by SIGTERM.
    A signal is blocked until the child has seen to that: the handler that it would find before is
    this process's, and the signal would be lost. No child is forked while a line of the log is
    being written: the log's file would be locked in it for ever. The log's own locks are free in
    the child.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(
            before=_prepare,
            after_in_parent=_go_on,
            after_in_child=lambda: _begin_as_child(descriptors),
        )


def end_in_children(attempt: Attempt) -> Attempt:
    """Return ``attempt`` for this process; in a child that the task has forked, that is the end.

    The child's exit code is 0, or 1 if the task has raised an error in it.
    """
    home = os.getpid()

    def run(current: CurrentJob) -> Ending:
        ending = attempt(current)
        if os.getpid() != home:
            _leave(ending)
        return ending

    return run


def _prepare() -> None:
    log_output.lock()
    _block_signals()


def _go_on() -> None:
    _restore_signals()
    log_output.unlock()


def _block_signals() -> None:
    _before_fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ours())


def _restore_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _before_fork.mask)


def _begin_as_child(descriptors: tuple[int, ...]) -> None:
    _disconnect(descriptors)
    for number in _ours():
        signal.signal(number, signal.SIG_DFL)
    _restore_signals()


def _ours() -> list[int]:
    return [getattr(signal, name) for name in (*ENDINGS, *OTHERS) if hasattr(signal, name)]


def _disconnect(descriptors: tuple[int, ...]) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nothing, descriptor, inheritable=False)  # its number isn't free for other files
    os.close(nothing)


def _leave(ending: Ending) -> NoReturn:
    """End and say why, but not by ``sys.stderr``: at the fork another thread may have locked it."""
    with suppress(OSError):
        os.write(STDERR, (ending.traceback or "").encode(errors="backslashreplace"))
    os._exit(1 if ending.error else 0)
