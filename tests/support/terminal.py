"""A terminal for programs that look at theirs."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shown:
    """What was seen on the terminal, and how the program ended."""

    text: str
    code: int


def run_in_terminal(
    command: Sequence[str | Path],
    *,
    columns: int = 80,
    types: str = "",
    environment: Mapping[str, str] | None = None,
) -> Shown:
    """Run a program in a terminal of so many columns; what somebody ``types`` waits for it."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {**os.environ, **(environment or {}), "TERM": "dumb"}
    for name in ("COLUMNS", "LINES"):
        env.pop(name, None)
    process = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=env, start_new_session=True
    )
    os.close(terminal)
    os.write(screen, types.encode())
    seen = bytearray()
    try:
        while chunk := os.read(screen, 65_536):
            seen += chunk
    except OSError:  # on Linux the end of the other side is an error
        pass
    os.close(screen)
    return Shown(seen.decode().replace("\r\n", "\n"), process.wait())
