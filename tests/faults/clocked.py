"""A child whose machine has another time: it is started alone, since the clock is its linker's."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.child import Life, Orders, live

LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")


class Nobody:
    """Nobody waits for this child to be ready."""

    def send(self, _ready: bool) -> None:  # noqa: FBT001
        """Say it to nobody."""


def find_library() -> str:
    """Return the library that gives a program another time; raise if it isn't there."""
    for pattern in LIBRARIES:
        for path in Path("/").glob(pattern.lstrip("/")):
            return str(path)
    raise RuntimeError("libfaketime isn't installed; on Debian it is in the package libfaketime.")


@contextmanager
def child_at(
    offset: str, main: Callable[[Life], None], orders: Orders
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a child whose clock differs by ``offset``, such as ``-1h``; kill it at the end."""
    environment = os.environ | {
        "LD_PRELOAD": find_library(),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    command = [sys.executable, "-m", "faults.clocked"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        process.stdin.write(pickle.dumps((main, orders)))
        process.stdin.close()
        try:
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    live(*pickle.loads(sys.stdin.buffer.read()), Nobody())
