"""Waiting for something to become true, instead of sleeping and hoping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE = 0.05  # seconds between two looks


def wait_for(look: Callable[[], T | None], *, what: str, within: float = 30) -> T:
    """Return the first thing that ``look`` gives which is true.

    Raises ``AssertionError`` naming ``what`` after ``within`` seconds.
    """
    end = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"Waited {within:g} s in vain for {what}; the last: {found!r}.")
        time.sleep(PAUSE)
