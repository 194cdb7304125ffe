"""The error for a database that can't be used now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.store.database.address import show_address
from coserver_consumer.store.database.faults import is_lock_timeout, is_outage, is_refusal
from coserver_consumer.store.database.redaction import describe


@contextmanager
def naming_outages(engine: Engine, *, with_cause: bool = False) -> Iterator[None]:
    """Raise ``StoreUnavailable`` for an error by which the database says that it is unavailable.

    What it says of a row, or of a statement, comes as it is. ``with_cause``: SQLAlchemy's error is
    the cause, for programs that look at it; a log shows its traceback then, and the driver's too.
    """
    try:
        yield
    except SQLAlchemyError as error:
        if not is_outage(error):
            raise
        raise name_outage(engine, error) from (error if with_cause else None)


def name_outage(engine: Engine, error: Exception) -> StoreUnavailable:
    """Return the error to raise for an outage: it says where, and what the database says."""
    how = "refuses that now" if is_refusal(error) else "can't be reached"
    if is_lock_timeout(error):
        how += ", since others have locked it for too long; try again"
    return StoreUnavailable(f"{show_address(engine)} {how}: {describe(error)}")
