"""The consumer's logger."""

from __future__ import annotations

import logging
from contextlib import suppress


class Log:
    """The consumer's logger. A handler that raises, as code of others may, costs a line only."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def is_on(self, level: int) -> bool:
        """Return True if lines of this level are written."""
        return self._logger.isEnabledFor(level)

    def write(self, level: int, text: str, *args: object) -> None:
        """Log a line."""
        with suppress(BaseException):  # SystemExit as well: it would end a thread
            self._logger.log(level, text, *args)

    def debug(self, text: str, *args: object) -> None:
        """Log a line about how the consumer works."""
        self.write(logging.DEBUG, text, *args)

    def info(self, text: str, *args: object) -> None:
        """Log a line about what happens."""
        self.write(logging.INFO, text, *args)

    def warning(self, text: str, *args: object) -> None:
        """Log a line about what isn't as it should be."""
        self.write(logging.WARNING, text, *args)

    def error(self, text: str, *args: object) -> None:
        """Log a line about what somebody has to see to."""
        self.write(logging.ERROR, text, *args)


log = Log("coserver")
