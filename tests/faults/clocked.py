"""A child whose machine has another time: it is started alone, since the clock is its linker's."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from faults.child import Life, Orders, live
from support.clocks import set_clock


class Nobody:
    """Nobody waits for this child to be ready."""

    def send(self, _ready: bool) -> None:  # noqa: FBT001
        """Say it to nobody."""


@contextmanager
def child_at(
    seconds: int, main: Callable[[Life], None], orders: Orders
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a child whose clock is so many seconds ahead; kill it at the end."""
    path = os.pathsep.join(filter(None, sys.path))
    environment = os.environ | set_clock(seconds) | {"PYTHONPATH": path}
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
