"""What waits for a consumer, as it saw a moment ago.

A busy claimer needn't ask anew each time what the rules of its queues are; an idle one asks nothing
else, in one statement.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.runtime.registration import Registration
from coserver_consumer.store import Outlook, Places

KEEPS = 0.25  # seconds, or more if a look takes long: a pause or a rule may go unnoticed meanwhile


class Lookout:
    """The outlook of one consumer's queues; for the claimer's thread alone."""

    def __init__(self, registration: Registration, places: Places) -> None:
        self._registration = registration
        self._places = places
        self._seen: Outlook | None = None
        self._until = 0.0  # the monotonic time
        self.is_doubted = False  # there was less than was wanted: most likely nothing is left

    def look(self, connection: Connection) -> Outlook:
        """Return what waits now."""
        info, began = self._registration.info, time.monotonic()
        self._seen = store.look(
            connection, info.queues, capabilities=info.capabilities, places=self._places
        )
        now = time.monotonic()
        self._until = now + store.lasting(now - began, at_least=KEEPS)
        self.is_doubted = False
        return self._seen

    def recent(self, connection: Connection) -> Outlook:
        """Return what was seen last, if that was a moment ago, or what waits now.

        Scheduled jobs whose time has come are made ready.
        """
        if self._seen is None or self._seen.is_due or time.monotonic() > self._until:
            return self.look_and_wake(connection)
        return self._seen

    def look_and_wake(self, connection: Connection) -> Outlook:
        """Return what waits now, scheduled jobs whose time has come among it."""
        seen = self.look(connection)
        if not seen.is_due:
            return seen
        store.wake(connection)
        return self.look(connection)
