"""How much is kept of results and errors."""

from __future__ import annotations

from coserver_consumer.model.texts import make_storable

MAX_RESULT_CHARS = 65_536  # of JSON
MAX_ERROR_CHARS = 4_096


def cap_error(error: str | None, limit: int = MAX_ERROR_CHARS) -> str | None:
    """Return the text as the database can hold it, cut to what the store keeps."""
    return None if error is None else make_storable(error, limit)
