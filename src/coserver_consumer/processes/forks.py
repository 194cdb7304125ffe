"""Children that a task forks from a worker process: nothing of that process goes on in them.

A fork has copies of all open files and of the thread that called it, which would go on in it as if
it were the worker: tell the supervisor, and run the jobs that wait.
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

_held = threading.local()  # the signals that a thread was blocking before its fork


def guard_children(*descriptors: int) -> None:
    """Have each child that is forked from now on find nothing in these files.

    Signals do to it what they do to any program: ``multiprocessing`` ends its children by SIGTERM.
    One that comes before the child could see to that is kept until then: it would be lost, as the
    handler that it still finds is this process's. None is forked while a line of the log is being
    written: standard error would be locked in it for ever. The log's own locks are free there.
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
    _hold_signals()


def _go_on() -> None:
    _release_signals()
    log_output.unlock()


def _hold_signals() -> None:
    _held.before = signal.pthread_sigmask(signal.SIG_BLOCK, _ours())


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _held.before)


def _begin_as_child(descriptors: tuple[int, ...]) -> None:
    _disconnect(descriptors)
    for number in _ours():
        signal.signal(number, signal.SIG_DFL)
    _release_signals()


def _ours() -> list[int]:
    return [getattr(signal, name) for name in (*ENDINGS, *OTHERS) if hasattr(signal, name)]


def _disconnect(descriptors: tuple[int, ...]) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nothing, descriptor, inheritable=False)  # its number isn't free for other files
    os.close(nothing)


def _leave(ending: Ending) -> NoReturn:
    """End, having said why; another thread may have held the lock of ``sys.stderr`` at the fork."""
    with suppress(OSError):
        os.write(STDERR, (ending.traceback or "").encode(errors="backslashreplace"))
    os._exit(1 if ending.error else 0)
