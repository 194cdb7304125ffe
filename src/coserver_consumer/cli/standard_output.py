"""Standard output that can't be written: the disk is full, it is closed, or nobody reads it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TextIO


class Watched:
    """Standard output that remembers whether it could be written."""

    def __init__(self, stream: TextIO) -> None:
        self.is_lost = False
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text."""
        with self._noting():
            return self._stream.write(text)

    def flush(self) -> None:
        """Write what is still in the buffer."""
        with self._noting():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.is_lost = True
            raise


@contextmanager
def watched() -> Iterator[None]:
    """Watch standard output meanwhile, so that ``is_lost`` knows what has become of it."""
    before = sys.stdout
    if before is not None:
        sys.stdout = Watched(before)
    try:
        yield
    finally:
        sys.stdout = before


def is_closed() -> bool:
    """Return True if this process began without standard output."""
    return sys.stdout is None


def is_lost() -> bool:
    """Return True if something was to be written and couldn't be."""
    return isinstance(sys.stdout, Watched) and sys.stdout.is_lost


def forget() -> None:
    """Keep Python from trying again, and failing loudly, when this process ends."""
    with suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


def end_unread() -> NoReturn:
    """End by SIGPIPE, as other programs do that write to a pipe nobody reads (``| head -1``).

    Python ignores SIGPIPE, since it would come from sockets as well.
    """
    forget()
    if hasattr(signal, "SIGPIPE"):  # not on Windows
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
    sys.exit(1)
