"""The listener: waits for notifications of jobs, so that an idle consumer needn't look often."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.runtime.registration import Registration

NOTIFICATION_TIMEOUT_S = 1.0  # the listener notices as late as this that the consumer stops


class Listener:
    """Listens on a connection of its own; without one, the claimer's own looks are enough.

    ``notify`` is called when a queue of this consumer has a job.
    """

    def __init__(
        self, database: Database, registration: Registration, *, notify: Callable[[], None]
    ) -> None:
        self._database = database
        self._registration = registration
        self._notify = notify
        self._connection: Connection | None = None

    def tick(self) -> float:
        """Wait for a notification. An error ends the connection; the next tick makes another."""
        try:
            if self._connection is None:
                self._connection = self._database.listen()
                self._notify()  # of what was queued while nobody listened
            queues = self._database.wait_for_notification(
                self._connection, timeout=NOTIFICATION_TIMEOUT_S
            )
            if queues & set(self._registration.info.queues):
                self._notify()
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
    database: Database, registration: Registration, *, notify: Callable[[], None]
) -> list[Loop]:
    """Return the loop, none where the database has no notifications."""
    if not database.can_listen:
        return []
    listener = Listener(database, registration, notify=notify)
    return [Loop("listener", every=NOTIFICATION_TIMEOUT_S, tick=listener.tick)]
