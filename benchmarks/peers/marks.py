"""What a job leaves behind: a count and two times in a small file for each process that runs jobs.

The file is mapped into memory, so that a mark costs about a microsecond and no system call; whoever
measures reads the files and disturbs nobody. A job that bears the time at which it was sent leaves
how long it was on its way as well. Times are of the machine's monotonic clock, which all processes
share.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import struct
import time
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

PLACE = "BENCH_MARKS"  # the environment's variable that names the directory
LAYOUT = struct.Struct("<qdd")  # jobs, first start, last start


class Marker:
    """This process's file of marks."""

    def __init__(self, directory: Path) -> None:
        path = directory / f"{os.getpid()}.marks"
        path.write_bytes(bytes(LAYOUT.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), LAYOUT.size)
        self._waits = (directory / f"{os.getpid()}.waits").open("ab", buffering=0)
        self._lock = Lock()

    def mark(self, sent: float | None) -> None:
        """Count a job that starts now."""
        now = time.monotonic()
        with self._lock:
            count, first, _ = LAYOUT.unpack_from(self._map)
            LAYOUT.pack_into(self._map, 0, count + 1, first or now, now)
        if sent is not None:
            self._waits.write(array("d", [now - sent]).tobytes())


_marker: Marker | None = None
_making = Lock()


def perform(args: Mapping[str, Any]) -> None:
    """Do what every contestant's job does: count itself, and take the time that it is told to."""
    (_marker or _make()).mark(args.get("sent"))
    if "nap" in args:
        time.sleep(args["nap"])


async def perform_async(args: Mapping[str, Any]) -> None:
    """Do the same as a coroutine."""
    (_marker or _make()).mark(args.get("sent"))
    if "nap" in args:
        await asyncio.sleep(args["nap"])


def _make() -> Marker:
    global _marker  # noqa: PLW0603  one for each process, made by its first job
    with _making:
        if _marker is None:
            _marker = Marker(Path(os.environ[PLACE]))
        return _marker


def _leave() -> None:
    global _marker  # noqa: PLW0603  a forked process counts for itself
    _marker = None


os.register_at_fork(after_in_child=_leave)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What the processes have done together since they were told to forget."""

    jobs: int
    first: float
    last: float


def forget(directory: Path) -> None:
    """Set all counts back to nothing; the processes must be stopped or idle."""
    for path in directory.glob("*.marks"):
        with path.open("r+b") as file:
            file.write(bytes(LAYOUT.size))
    for path in directory.glob("*.waits"):
        os.truncate(path, 0)


def read(directory: Path) -> Marks:
    """Return the marks of all processes."""
    files = [path.read_bytes() for path in directory.glob("*.marks")]
    found = [LAYOUT.unpack(file) for file in files if file]  # one that was made just now has none
    found = [entry for entry in found if entry[0]]
    return Marks(
        jobs=sum(entry[0] for entry in found),
        first=min((entry[1] for entry in found), default=0.0),
        last=max((entry[2] for entry in found), default=0.0),
    )


def read_waits(directory: Path) -> list[float]:
    """Return how many seconds each job that told when it was sent was on its way."""
    waits = array("d")
    for path in directory.glob("*.waits"):
        waits.frombytes(path.read_bytes())
    return list(waits)
