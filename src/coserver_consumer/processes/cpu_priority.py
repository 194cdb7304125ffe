"""How far a consumer's processes stand back where others want the processor as well."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

SESSION = Path("/proc/self/autogroup")  # "/autogroup-85 nice 0"; not every kernel has it
SOON = 0.1  # seconds after one change in which the kernel takes no other, see sched(7)
TRIES = 20


def stand_back(nice: int) -> None:
    """Lower this process, a child of the supervisor, by that much, see nice(1); raise ``OSError``.

    Linux may divide the processor between sessions, and only within each of them by the niceness of
    processes (autogroup, see sched(7)). A consumer that was started by itself has a session of its
    own, and would only stand back behind itself. So that session stands back, too. One that others
    belong to, such as that of a terminal, is left alone: niceness counts there.
    """
    if nice and hasattr(os, "nice"):  # not on Windows
        os.nice(nice)
    if SESSION.exists() and os.getsid(0) == os.getppid():
        _lower_session(nice)


def _lower_session(nice: int) -> None:
    for number in range(1, TRIES + 1):
        if _read_session() in (nice, None):  # perhaps another process of this consumer was first
            return
        try:
            SESSION.write_text(str(nice))
        except BlockingIOError:  # somebody has changed a session just now
            if number == TRIES:
                raise
            time.sleep(SOON)


def _read_session() -> int | None:
    """Return the niceness of this process's session, None if the kernel doesn't weigh it."""
    found = re.search(r"nice (-?\d+)", SESSION.read_text())
    return int(found[1]) if found else None
