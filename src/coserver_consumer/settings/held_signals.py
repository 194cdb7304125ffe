"""Signals that wait until somebody can obey them, or for good in a process that is soon over.

A held signal is held in the programs that are started meanwhile, too, from their first instruction
on. On Windows nothing is held: it has none of these signals but Ctrl-C.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1")


def hold() -> None:
    """Have these signals wait, for this thread and what it starts, until ``release``."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, _find())


def release() -> None:
    """Let them come, also those that have waited."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _find())


@contextmanager
def holding() -> Iterator[None]:
    """Hold them meanwhile: what is started here never hears one, unless it calls ``release``."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _find())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _find() -> set[signal.Signals]:
    return {getattr(signal, name) for name in NAMES}
