"""Where the lines of the log go, and how they are written there."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

from coserver_consumer.model.texts import make_lines

FORMAT = "%(asctime)s %(levelname)s {name}%(message)s"

_handler: logging.Handler = logging.StreamHandler()  # what writes the lines


class Formatter(logging.Formatter):
    """Writes a record so that nothing in it can be taken for another record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record without control characters, its further lines indented."""
        return make_lines(super().format(record), indent="  ")


class Handler(logging.StreamHandler[TextIO]):
    """Writes to a copy of standard error: a job may close that one, or put another in its place.

    A job may close the copy as well. Another file may have got its number then, so lines go to
    what standard error is by that time.
    """

    def __init__(self) -> None:
        self._copy = _copy_stderr()  # kept, since its end would close whatever has its number
        self._file = _identify(self._copy)
        super().__init__(self._copy)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        if self.stream is self._copy and _identify(self._copy) != self._file:
            self.setStream(sys.stderr)
        super().emit(record)


def configure(level: str, name: str = "") -> None:
    """Write lines of this level and above to standard error, each with the name if given."""
    global _handler  # noqa: PLW0603  of this process, as logging itself is
    _handler = Handler()
    _handler.setFormatter(Formatter(FORMAT.format(name=f"[{name}] " if name else "")))
    logging.basicConfig(handlers=[_handler], level=level.upper(), force=True)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it logs URLs


def lock() -> None:
    """Wait until no line is being written, and let none begin until ``unlock``."""
    _handler.acquire()


def unlock() -> None:
    """Let lines be written again."""
    _handler.release()


def _copy_stderr() -> TextIO:
    """Return standard error as a file of its own, or itself where it is none, as in a test."""
    try:
        descriptor = os.dup(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # it is None where it was closed at the start
        return sys.stderr
    return os.fdopen(descriptor, "w", encoding=sys.stderr.encoding, errors=sys.stderr.errors)


def _identify(stream: TextIO) -> tuple[int, int] | None:
    """Return the device and inode of a file, None if it is closed or none."""
    try:
        status = os.fstat(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
