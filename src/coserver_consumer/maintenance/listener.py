"""The listener: hears calls for jobs, so that an idle consumer needn't look often."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.runtime.registration import Registration

PATIENCE = 1.0  # seconds; so long it may take to notice that the consumer stops


class Listener:
    """Keeps one connection for that; without one, the claimer's own looks are enough."""

    def __init__(
        self, database: Database, registration: Registration, *, call: Callable[[], None]
    ) -> None:
        self._database = database
        self._registration = registration
        self._call = call
        self._connection: Connection | None = None

    def tick(self) -> float:
        """Listen for a moment. An error ends the connection; the next tick makes another."""
        try:
            if self._connection is None:
                self._connection = self._database.listen()
                self._call()  # for what was called while nobody listened
            called = self._database.hear(self._connection, patience=PATIENCE)
            if called & set(self._registration.info.queues):
                self._call()
        except BaseException:
            self._close()
            raise
        return 0.0

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


def make_listener(
    database: Database, registration: Registration, *, call: Callable[[], None]
) -> list[Loop]:
    """Return the loop, none where the database carries no calls."""
    if not database.carries_calls:
        return []
    listener = Listener(database, registration, call=call)
    return [Loop("listener", every=PATIENCE, tick=listener.tick)]
