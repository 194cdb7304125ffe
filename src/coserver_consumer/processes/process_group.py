"""The process group of a worker process: itself, and what its jobs have started."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from subprocess import Popen
from typing import Any


def end_group_with(process: Popen[Any]) -> None:
    """Wait until the first process of a group has ended, and end the others.

    A program that a job has started must not work on while the job runs anew elsewhere. Nobody else
    can get the id of the first process, which is the group's as well, before its exit code is read.
    """
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        process.wait()
    if hasattr(os, "killpg"):  # not on Windows
        with suppress(ProcessLookupError, PermissionError):  # on macOS for one of zombies only
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
