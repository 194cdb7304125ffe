"""Where the lines of the log go, and how they are written there."""

from __future__ import annotations

import logging
import sys

from coserver_consumer.model.texts import make_lines

FORMAT = "%(asctime)s %(levelname)s {name}%(message)s"

_handler: logging.Handler = logging.StreamHandler()  # what writes the lines


class Formatter(logging.Formatter):
    """Writes a record so that nothing in it can be taken for another record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record without control characters, its further lines indented."""
        return make_lines(super().format(record), indent="  ")


def configure(level: str, name: str = "") -> None:
    """Write lines of this level and above to standard error, each with the name if given."""
    global _handler  # noqa: PLW0603  of this process, as logging itself is
    _handler = logging.StreamHandler(sys.stderr)
    _handler.setFormatter(Formatter(FORMAT.format(name=f"[{name}] " if name else "")))
    logging.basicConfig(handlers=[_handler], level=level.upper(), force=True)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it logs URLs


def lock() -> None:
    """Wait until no line is being written, and let none begin until ``unlock``."""
    _handler.acquire()


def unlock() -> None:
    """Let lines be written again."""
    _handler.release()
