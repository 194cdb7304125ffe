"""How a process ends that an error ends: a line that says what is wrong, and an exit code."""

from __future__ import annotations

from typing import NamedTuple

from coserver_consumer.model.errors import (
    AmbiguousId,
    ConfigurationError,
    CoserverError,
    InvalidJob,
    InvalidKey,
    JobNotFound,
    StartAgain,
)
from coserver_consumer.model.texts import make_line

FAILED, WRONG_USE, NOT_FOUND, NOT_WRITTEN = 1, 2, 3, 4
START_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: another process is to take over


class ErrorExit(NamedTuple):
    """The line for standard error, and the exit code."""

    line: str
    code: int


def find_error_exit(error: Exception) -> ErrorExit | None:
    """Return how this error ends a process; None for a bug, which wants its traceback."""
    if isinstance(error, CoserverError):
        return ErrorExit(make_line(str(error)), _find_code(error))
    if text := _find_database_error(error):
        return ErrorExit(make_line(text), FAILED)
    return None


def _find_code(error: CoserverError) -> int:
    match error:
        case JobNotFound():
            return NOT_FOUND
        case ConfigurationError() | AmbiguousId() | InvalidJob() | InvalidKey():
            return WRONG_USE
        case StartAgain():
            return START_AGAIN
        case _:
            return FAILED


def _find_database_error(error: Exception) -> str | None:
    """Return what the database said, without the statement; None if it wasn't the database."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError  # after an error there is time

    if isinstance(error, DBAPIError):
        return f"The database says: {error.orig}"
    return f"The database can't be used: {error}" if isinstance(error, SQLAlchemyError) else None
