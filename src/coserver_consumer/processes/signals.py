"""Signals as commands, as far as the platform has them."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from coserver_consumer.processes.control import Command, CommandKind
from coserver_consumer.settings import signal_mask

# SIGBREAK is Ctrl-Break on Windows, which has neither SIGHUP nor SIGUSR1.
ENDINGS = ("SIGTERM", "SIGINT", "SIGBREAK")
OTHERS = {"SIGHUP": CommandKind.RELOAD, "SIGUSR1": CommandKind.DUMP}


def obey_signals(put: Callable[[Command], None]) -> None:
    """Have ``put`` called for each signal, also for those that were blocked until now.

    ``put`` must be safe in a signal handler. The first signal to end drains, the next one stops
    now.
    """
    drained: list[str] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if name in OTHERS:
            put(Command(kind=OTHERS[name], reason=name))
            return
        kind = CommandKind.STOP if drained else CommandKind.DRAIN
        put(Command(kind=kind, reason=name))
        drained.append(name)

    for name in (*ENDINGS, *OTHERS):
        _set(name, handle)
    signal_mask.unblock()


def leave_signals_to_supervisor(put: Callable[[Command], None]) -> None:
    """Have ``put`` called for SIGTERM; what a terminal sends to all is for the supervisor."""

    def drain(number: int, _frame: FrameType | None) -> None:
        put(Command(kind=CommandKind.DRAIN, reason=signal.Signals(number).name))

    _set("SIGTERM", drain)
    for name in ("SIGINT", "SIGBREAK", *OTHERS):
        _set(name, _do_nothing)
    signal_mask.unblock()


def _set(name: str, handler: Callable[[int, FrameType | None], None]) -> None:
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), handler)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal; ``SIG_IGN`` would be handed down to the programs that jobs start."""
