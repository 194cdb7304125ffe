"""What kind of trouble a database error is: worth another try at once, an outage, or neither."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

TRANSIENT_SQLSTATES = {"40001", "40P01"}
IN_THE_WAY = {"55P03", "23514"}  # a lock that wasn't had in time; a row that breaks a rule
TRANSIENT_MYSQL = {1020, 1205, 1213}
OUTAGE_SQLSTATES = ("08", "57P0", "53300")
OUTAGE_MYSQL = {1040, 1053, 2002, 2003, 2006, 2013, 2055}
OUTAGE_SQLITE = ("unable to open", "disk i/o error", "disk is full")


def is_transient(error: DBAPIError) -> bool:
    """Return True if the same transaction may well succeed when tried again."""
    code = _code(error)
    return (
        code in TRANSIENT_SQLSTATES
        or code in TRANSIENT_MYSQL
        or "database is locked" in str(error.orig)
        or _is_lost_key_race(error)
    )


def _is_lost_key_race(error: DBAPIError) -> bool:
    """Return True if another transaction took the same unique key a moment earlier."""
    text = str(error.orig)
    return isinstance(error, IntegrityError) and (
        "coserver_job_unique" in text or "coserver_job.held_key" in text
    )


def is_in_the_way(error: DBAPIError) -> bool:
    """Return True if others have locked what was to be changed, or have put rows there."""
    return _code(error) in IN_THE_WAY


def is_outage(error: BaseException) -> bool:
    """Return True if the database couldn't be reached, so that waiting may help."""
    if isinstance(error, PoolTimeout) or _is_nameless_psycopg(error):
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = _code(error)
    if error.connection_invalidated or code in OUTAGE_MYSQL:
        return True
    if isinstance(code, str):
        return code.startswith(OUTAGE_SQLSTATES)
    text = str(error.orig).lower()
    return text.startswith(OUTAGE_SQLITE) or _is_nameless_psycopg(error.orig)


def _is_nameless_psycopg(original: BaseException | None) -> bool:
    """Return True for psycopg's connection errors, which have no SQLSTATE."""
    return (
        type(original).__module__.startswith("psycopg")
        and type(original).__name__ in ("OperationalError", "ConnectionTimeout", "InterfaceError")
        and getattr(original, "sqlstate", None) is None
    )


def _code(error: DBAPIError) -> str | int | None:
    """Return the SQLSTATE (PostgreSQL) or the number (MariaDB, MySQL) of an error."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state)
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None
