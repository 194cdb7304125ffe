"""Waiting for something to become true, instead of sleeping and hoping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE = 0.05  # seconds between two looks
PATIENCE = 300  # seconds; a machine with neighbours may take long for what takes a moment elsewhere


def wait_for(look: Callable[[], T | None], *, what: str, within: float = PATIENCE) -> T:
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


def wait_to_count(look: Callable[[], int], number: int, *, what: str) -> None:
    """Return when ``look`` gives that number, however long it takes, as long as it goes on rising.

    Raises ``AssertionError`` naming ``what`` when it hasn't risen for ``PATIENCE`` seconds.
    """
    found = look()
    while found != number:
        before = found
        found = wait_for(
            lambda before=before: (now := look()) != before and max(now, 1),
            what=f"more of {what} than {before} of {number}",
        )
