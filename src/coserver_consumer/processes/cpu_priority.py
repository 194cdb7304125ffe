"""How far a consumer's processes give way to others that want the processor, too."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

SESSION = Path("/proc/self/autogroup")  # "/autogroup-85 nice 0"; not every kernel has it
RETRY_EVERY_S = 0.1  # the kernel takes no second change so soon after another, see sched(7)
MAX_TRIES = 20


def stand_back(nice: int) -> None:
    """Raise the niceness of this process, a child of the supervisor; raise ``OSError``.

    Linux may divide the processor between sessions, and only then, by the niceness of processes,
    within each session (autogroup, see sched(7)). A consumer that was started by itself has a
    session of its own, where its processes would give way only to each other. So the session gives
    way, too. A session that others share, such as that of a terminal, is left alone: there niceness
    counts.
    """
    if nice and hasattr(os, "nice"):  # not on Windows
        os.nice(nice)
    if SESSION.exists() and os.getsid(0) == os.getppid():
        _lower_session(nice)


def _lower_session(nice: int) -> None:
    for number in range(1, MAX_TRIES + 1):
        if _read_session() in (nice, None):  # another process of this consumer may have been first
            return
        try:
            SESSION.write_text(str(nice))
        except BlockingIOError:  # somebody has changed a session just now
            if number == MAX_TRIES:
                raise
            time.sleep(RETRY_EVERY_S)


def _read_session() -> int | None:
    """Return the niceness of this process's session; None if the kernel has none for it."""
    found = re.search(r"nice (-?\d+)", SESSION.read_text())
    return int(found[1]) if found else None
