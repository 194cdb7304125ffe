"""The error for a database that can't be used now."""

from __future__ import annotations

from sqlalchemy import Engine

from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.store.database.address import show_address
from coserver_consumer.store.database.faults import is_refusal
from coserver_consumer.store.database.redaction import describe


def name_outage(engine: Engine, error: Exception) -> StoreUnavailable:
    """Return the error to raise for an outage: it says where, and what the database says."""
    how = "refuses that now" if is_refusal(error) else "can't be reached"
    return StoreUnavailable(f"{show_address(engine)} {how}: {describe(error)}")
