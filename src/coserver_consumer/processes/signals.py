"""Signals as commands, as far as the platform has them."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from coserver_consumer.processes.control import Command, Do
from coserver_consumer.settings import held_signals

# SIGBREAK is Ctrl-Break on Windows, which has neither SIGHUP nor SIGUSR1.
ENDINGS = ("SIGTERM", "SIGINT", "SIGBREAK")
OTHERS = {"SIGHUP": Do.RELOAD, "SIGUSR1": Do.DUMP}


def obey_signals(put: Callable[[Command], None]) -> None:
    """Have ``put`` called for each signal, also for those that were held until now.

    It must be safe in a signal handler.

    The first signal to end drains, the next one stops now.
    """
    drained: list[str] = []

    def hear(number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if name in OTHERS:
            put(Command(do=OTHERS[name], why=name))
            return
        put(Command(do=Do.STOP if drained else Do.DRAIN, why=name))
        drained.append(name)

    for name in (*ENDINGS, *OTHERS):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), hear)
    held_signals.release()


def leave_signals_to_supervisor(put: Callable[[Command], None]) -> None:
    """Have ``put`` called for SIGTERM; what a terminal sends to all is for the supervisor."""

    def hear(number: int, _frame: FrameType | None) -> None:
        put(Command(do=Do.DRAIN, why=signal.Signals(number).name))

    signal.signal(signal.SIGTERM, hear)
    for name in ("SIGINT", "SIGBREAK", *OTHERS):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _overhear)
    held_signals.release()


def _overhear(_number: int, _frame: FrameType | None) -> None:
    """Do nothing; ``SIG_IGN`` would be handed down to the programs that jobs start."""
