"""Children that a task forks from a worker process: nothing of that process goes on in them.

A fork has copies of all open files and of the thread that called it, which would go on in it as if
it were the worker: tell the supervisor, and run the jobs that wait.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from coserver_consumer.current_job import CurrentJob
from coserver_consumer.lifecycle import Ending
from coserver_consumer.signals import ENDINGS, OTHERS

Attempt = Callable[[CurrentJob], Ending]


def guard_children(*descriptors: int) -> None:
    """Have each child that is forked from now on find nothing in these files.

    Signals do to it what they do to any program: ``multiprocessing`` ends its children by SIGTERM.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=lambda: _disconnect(descriptors))


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


def _disconnect(descriptors: tuple[int, ...]) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nothing, descriptor, inheritable=False)  # its number isn't free for other files
    os.close(nothing)
    for name in (*ENDINGS, *OTHERS):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


def _leave(ending: Ending) -> NoReturn:
    sys.stderr.write(ending.traceback or "")
    os._exit(1 if ending.error else 0)
