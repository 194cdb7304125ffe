"""JSON as text, as drivers hand it over: some of it may be no JSON."""

from __future__ import annotations

import json
from typing import Any

WHITESPACE = " \t\n\r"  # in JSON
_decode = json.JSONDecoder().raw_decode  # json.loads takes detours


class Malformed(str):
    """Text in a JSON column that isn't JSON; some other program wrote it."""

    __slots__ = ()


def load_json(text: str | bytes) -> Any:
    """Return the value that is written as JSON; ``Malformed`` for text that isn't JSON.

    Nor is what Python refuses to read: numbers of more than 4,300 digits, and deep nesting.
    """
    given = text if isinstance(text, str) else read_text(text)
    whole = given.strip(WHITESPACE)
    try:
        value, end = _decode(whole)
    except (ValueError, RecursionError):
        return Malformed(given)
    return value if end == len(whole) else Malformed(given)


def read_text(data: bytes | memoryview) -> str:
    r"""Return text; bytes that aren't UTF-8 as ``\xfc``, so that JSON with such isn't JSON."""
    return str(data, "utf-8", "backslashreplace")
