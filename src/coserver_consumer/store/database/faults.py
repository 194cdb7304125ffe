"""What kind of trouble a database error is.

``classify`` tells apart what a database says about itself, which passes, and what it says about a
row, which another try won't change. The codes are in ``error_codes``.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import assert_never

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from coserver_consumer.store.database import error_codes
from coserver_consumer.store.database.family import Family

Code = str | int | None


class Fault(Enum):
    """Whom or what an error is about.

    ``OUTAGE``: the database itself, now: it can't be reached, or refuses whatever it is asked.
    ``ROW``: the values of one row. ``BUG``: none of these; a statement that was never right.
    """

    OUTAGE = auto()
    ROW = auto()
    BUG = auto()


def classify(error: BaseException) -> Fault:
    """Return what an error of SQLAlchemy or of a driver is about; of others it is a bug."""
    if isinstance(error, PoolTimeout):
        return Fault.OUTAGE
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return Fault.OUTAGE
        error = error.orig or error
    match _find_family(error):
        case Family.POSTGRESQL:
            return _classify_postgresql(error)
        case Family.MYSQL:
            return _by_code(find_code(error), error_codes.OUTAGE_MYSQL, error_codes.ROW_MYSQL)
        case Family.SQLITE:
            return _classify_sqlite(error)
        case None:
            return Fault.BUG
        case family:
            assert_never(family)


def is_outage(error: BaseException) -> bool:
    """Return True if the database can't be used now, whatever it is asked, so that waiting helps.

    What is worth another try at once is an outage too, once the tries are used up.
    """
    return classify(error) is Fault.OUTAGE


def is_refusal(error: BaseException) -> bool:
    """Return True for an outage in which the database answered: others may have more luck."""
    if not isinstance(error, DBAPIError) or error.connection_invalidated or not is_outage(error):
        return False
    code = find_code(error.orig)
    if isinstance(code, str):
        return not code.startswith(error_codes.UNREACHABLE_POSTGRESQL)
    return code is not None and code not in error_codes.UNREACHABLE


def is_transient(error: DBAPIError) -> bool:
    """Return True if the same transaction may well succeed when tried again at once."""
    code = find_code(error.orig)
    return (
        code in error_codes.TRANSIENT_POSTGRESQL
        or code in error_codes.TRANSIENT_MYSQL
        or (_find_family(error.orig) is Family.SQLITE and code in error_codes.TRANSIENT_SQLITE)
        or _is_lost_key_race(error)
    )


def is_in_the_way(error: DBAPIError) -> bool:
    """Return True if others have locked what was to be changed, or have put rows there."""
    return find_code(error.orig) in error_codes.IN_THE_WAY


def is_lock_timeout(error: BaseException | None) -> bool:
    """Return True if others have locked a row or a table for longer than it may be waited for."""
    return isinstance(error, DBAPIError) and find_code(error.orig) in error_codes.LOCK_TIMEOUT


def find_code(original: BaseException | None) -> Code:
    """Return a driver's error's SQLSTATE (PostgreSQL), number (MariaDB, MySQL) or result code."""
    match _find_family(original):
        case Family.POSTGRESQL:  # psycopg's name for it, and psycopg2's
            state: str | None = getattr(original, "sqlstate", getattr(original, "pgcode", None))
            return state
        case Family.MYSQL:
            number = original.args[0] if original and original.args else None
            return number if isinstance(number, int) else None
        case Family.SQLITE:
            result = getattr(original, "sqlite_errorcode", None)
            return None if result is None else int(result) & error_codes.PRIMARY
        case None:
            return None
        case family:
            assert_never(family)


def _find_family(original: BaseException | None) -> Family | None:
    """Return whose driver raised the error, None if it is no driver's."""
    package = type(original).__module__.partition(".")[0]
    return error_codes.DRIVERS.get(package)


def _classify_postgresql(error: BaseException) -> Fault:
    code = find_code(error)
    if isinstance(code, str):
        if code.startswith(error_codes.OUTAGE_POSTGRESQL):
            return Fault.OUTAGE
        return Fault.ROW if code.startswith(error_codes.ROW_POSTGRESQL) else Fault.BUG
    # Without a code it is the driver's own word. An internal error is an answer that it didn't
    # expect, such as a pooler's for a session that the server has ended.
    # Values that have no room in one statement it refuses by itself, with the same class.
    if error_codes.TOO_MANY_PARAMETERS in str(error):
        return Fault.BUG
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"OperationalError", "InterfaceError", "InternalError"}:
        return Fault.OUTAGE
    return Fault.ROW if "DataError" in kinds else Fault.BUG


def _classify_sqlite(error: BaseException) -> Fault:
    if find_code(error) == error_codes.SQLITE_ERROR and "no such table" in str(error):
        return Fault.OUTAGE
    return _by_code(find_code(error), error_codes.OUTAGE_SQLITE, error_codes.ROW_SQLITE)


def _by_code(code: Code, outages: frozenset[int], rows: frozenset[int]) -> Fault:
    if code in outages:
        return Fault.OUTAGE
    return Fault.ROW if code in rows else Fault.BUG


def _is_lost_key_race(error: DBAPIError) -> bool:
    """Return True if another transaction took the same unique key a moment earlier."""
    text = str(error.orig)
    return isinstance(error, IntegrityError) and (
        "coserver_job_unique" in text or "coserver_job.held_key" in text
    )
