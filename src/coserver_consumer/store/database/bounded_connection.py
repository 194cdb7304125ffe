"""A connection of psycopg that doesn't wait for an answer longer than it may."""

from __future__ import annotations

from collections.abc import Generator
from time import monotonic
from typing import Any, TypeVar

from psycopg import Connection, OperationalError

T = TypeVar("T")


class BoundedConnection(Connection[Any]):
    """It closes, and raises ``OperationalError``, if nothing comes for ``answer_within`` seconds.

    None waits for ever. The driver calls ``wait`` for everything that it awaits of the server once
    the connection is made, and looks up ten times a second.
    """

    answer_within: float | None = None

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **options: Any) -> T:
        """Return what the driver's generator returns."""
        if self.answer_within is None or options.get("timeout") is not None:  # it has its own
            return super().wait(gen, *args, **options)
        return super().wait(self._within(gen, self.answer_within), *args, **options)

    def _within(self, gen: Generator[Any, Any, T], seconds: float) -> Generator[Any, Any, T]:
        """Do as ``gen`` does until it is late."""
        end = monotonic() + seconds
        try:
            state = next(gen)
            while True:
                ready = yield state
                if not ready and monotonic() > end:
                    self._give_up(seconds)
                state = gen.send(ready)
        except StopIteration as done:
            value: T = done.value
            return value

    def _give_up(self, seconds: float) -> None:
        self.pgconn.finish()
        raise OperationalError(f"the server didn't answer within {seconds:g} s")
