"""Signals that are blocked until somebody can obey them.

A blocked signal is blocked in the programs that are started meanwhile, too, from their first
instruction on; in one that is soon over it stays so. On Windows nothing is blocked: it has none of
these signals but Ctrl-C.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1")


def block() -> None:
    """Have these signals wait, for this thread and what it starts, until ``unblock``."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, _find())


def unblock() -> None:
    """Let them come, also those that have waited."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _find())


@contextmanager
def blocked() -> Iterator[None]:
    """Block them meanwhile: a program that is started here hears none before it unblocks them."""
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
