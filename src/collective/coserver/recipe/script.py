"""The first line of a script, by which the system finds the Python that runs it."""

from __future__ import annotations

import shlex
from pathlib import Path

MAX_FIRST_LINE_BYTES = 127  # that Linux has always read, see execve(2)
BY_SHELL = """\
#!/bin/sh
'''exec' {python} "$0" "$@"
' '''
"""


def make_startable(script: Path, python: str) -> None:
    """Let a shell start a script whose first line the system can't read.

    The system takes a space for the end of a program's name. What is written instead, as by pip, is
    a text to Python and a command to the shell.
    """
    first, _, rest = script.read_text().partition("\n")
    if first.startswith("#!") and (" " in python or len(first.encode()) > MAX_FIRST_LINE_BYTES):
        script.write_text(BY_SHELL.format(python=shlex.quote(python)) + rest)
