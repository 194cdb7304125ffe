"""What is kept of results and errors."""

from __future__ import annotations

import json
from typing import Any

from coserver_consumer.model.texts import make_storable
from coserver_consumer.protocol.codec import not_kept

MAX_RESULT = 65_536  # characters of JSON
MAX_ERROR = 4_096  # characters
encode = json.JSONEncoder(allow_nan=False).encode  # json.dumps would make one each time


def cap_result(result: Any, limit: int) -> Any:
    """Return the result, or a note of its size if its JSON has more characters than ``limit``."""
    text = write_result(result, limit)
    return None if text is None else json.loads(text)


def write_result(result: Any, limit: int) -> str | None:
    """Return the JSON of the result, or of a note why it isn't kept."""
    if result is None:
        return None
    try:
        text = encode(result)
    except (TypeError, ValueError) as error:
        return encode(not_kept(f"it isn't JSON: {error}"))
    if len(text) > limit:
        return encode(not_kept(f"it has {len(text)} characters, {limit} are kept"))
    return text


def cap_error(error: str | None, limit: int = MAX_ERROR) -> str | None:
    """Return the text as the database can hold it, cut to what the store keeps."""
    return None if error is None else make_storable(error, limit)
