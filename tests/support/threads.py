"""Several things at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Return what the functions return, all called at the same moment."""
    start, results = threading.Barrier(len(works)), []

    def call(work: Callable[[], Any]) -> None:
        start.wait(10)
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001  the test looks at it
            results.append(error)

    threads = [threading.Thread(target=call, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results
