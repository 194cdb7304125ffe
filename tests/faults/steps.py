"""The named steps of the commit protocol, and a way to act when this process comes to one.

Only a child process of the tests changes its classes like this; the product knows nothing of it.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable
from typing import Any

from ZODB.Connection import Connection
from zope.sqlalchemy.datamanager import SessionDataManager

from collective.coserver.datamanager.batch import Batch
from collective.coserver.datamanager.first import First
from collective.coserver.datamanager.last import Last
from coserver_consumer import store
from coserver_consumer.store import claim

POINTS: dict[str, tuple[Any, str]] = {
    "First.tpc_begin": (First, "tpc_begin"),
    "ZODB tpc_begin": (Connection, "tpc_begin"),
    "ZODB commit": (Connection, "commit"),
    "ZODB tpc_vote": (Connection, "tpc_vote"),
    "Last.tpc_vote": (Last, "tpc_vote"),
    "SQL of the vote": (Batch, "_stage"),  # after it: written, not committed
    "ZODB tpc_finish": (Connection, "tpc_finish"),
    "Last.tpc_finish": (Last, "tpc_finish"),
    "SQL of the finish": (Batch, "_release"),
    "claim": (claim, "claim"),
    "claim and commit": (store, "write"),
    "one-phase vote": (SessionDataManager, "tpc_vote"),
    "one-phase finish": (SessionDataManager, "tpc_finish"),
}


def _around(*names: str) -> tuple[str, ...]:
    return tuple(f"{when} {name}" for name in names for when in ("before", "after"))


ZODB = _around("ZODB tpc_begin", "ZODB commit", "ZODB tpc_vote", "ZODB tpc_finish")
PROTOCOL = _around(
    "First.tpc_begin",
    "ZODB tpc_begin",
    "ZODB commit",
    "ZODB tpc_vote",
    "Last.tpc_vote",
    "SQL of the vote",
    "ZODB tpc_finish",
    "Last.tpc_finish",
    "SQL of the finish",
)
CLAIM = _around("claim", "claim and commit")
ONE_PHASE = ZODB + _around("one-phase vote", "one-phase finish")


def at(step: str, nth: int, act: Callable[[], None]) -> None:
    """Have ``act`` called when this process passes the step for the ``nth`` time."""
    when, _, name = step.partition(" ")
    owner, method = POINTS[name]
    original, count = getattr(owner, method), _count_down(nth, act)
    assert callable(original), f"{method} is no step: {original}"

    @functools.wraps(original)
    def stepped(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            count()
        result = original(*arguments, **named)
        if when == "after":
            count()
        return result

    setattr(owner, method, stepped)


def _count_down(nth: int, act: Callable[[], None]) -> Callable[[], None]:
    left = iter(range(nth - 1, -1, -1))

    def count() -> None:
        if next(left, None) == 0:
            act()

    return count


def die() -> None:
    """End this process as SIGKILL does: by SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)


def freeze() -> None:
    """Stop this process until somebody sends SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)
