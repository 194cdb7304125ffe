"""Lengths of time as people write them: 90s, 30m, 2h, 1d, 1w. Pure."""

from __future__ import annotations

import re

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}  # seconds
SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def read_span(text: str) -> float | None:
    """Return the seconds that a text says, None if it doesn't say any."""
    found = SPAN.fullmatch(text)
    return None if found is None else float(found[1]) * UNITS[found[2]]
