"""JSON as text, as drivers hand it over: some of it may be no JSON."""

from __future__ import annotations

import json
from typing import Any

SPACE = " \t\n\r"  # what JSON takes for it
_decode = json.JSONDecoder().raw_decode  # json.loads takes detours


class Malformed(str):
    """Text in a JSON column that isn't JSON; some other program wrote it."""

    __slots__ = ()


def load_json(text: str | bytes) -> Any:
    """Return what JSON text says; ``Malformed`` for text that isn't JSON, or that Python refuses.

    It refuses numbers of more than 4,300 digits, and what is nested too deeply.
    """
    said = text if isinstance(text, str) else read_text(text)
    whole = said.strip(SPACE)
    try:
        value, end = _decode(whole)
    except (ValueError, RecursionError):
        return Malformed(said)
    return value if end == len(whole) else Malformed(said)


def read_text(data: bytes | memoryview) -> str:
    r"""Return text; bytes that aren't UTF-8 as ``\xfc``, so that JSON with such isn't JSON."""
    return str(data, "utf-8", "backslashreplace")
