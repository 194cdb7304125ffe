"""What waits for a consumer, as it was a moment ago.

A busy claimer needn't ask anew each time what the rules of its queues are; an idle one asks nothing
else, in one statement.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection

from coserver_consumer.runtime.registration import Registration
from coserver_consumer.store import claim, maintain
from coserver_consumer.store.claim import Cursors, Snapshot

REUSE_MIN_S = 0.25  # or more if a snapshot takes long: a pause or a rule may go unnoticed meanwhile


class SnapshotCache:
    """The last snapshot of one consumer's queues; for the claimer's thread alone."""

    def __init__(self, registration: Registration, cursors: Cursors) -> None:
        self._registration = registration
        self._cursors = cursors
        self._last: Snapshot | None = None
        self._valid_until = 0.0  # the monotonic time
        self.is_exhausted = False  # a claim got less than it wanted: most likely nothing is left

    def read(self, connection: Connection) -> Snapshot:
        """Return what waits now; the cursors follow what it has found."""
        info, began = self._registration.info, time.monotonic()
        self._last = claim.read_snapshot(
            connection,
            info.queues,
            capabilities=info.capabilities,
            starts=self._cursors.starts(info.queues),
        )
        self._cursors.follow(self._last.searches)
        now = time.monotonic()
        self._valid_until = now + claim.reuse_seconds(now - began, at_least=REUSE_MIN_S)
        self.is_exhausted = False
        return self._last

    def recent(self, connection: Connection) -> Snapshot:
        """Return the last snapshot, if it was taken a moment ago, or what waits now.

        Scheduled jobs whose time has come are made ready.
        """
        last = self._last
        if last is None or last.is_due or time.monotonic() > self._valid_until:
            return self.read_with_due(connection)
        return last

    def read_with_due(self, connection: Connection) -> Snapshot:
        """Return what waits now, scheduled jobs whose time has come among it."""
        snapshot = self.read(connection)
        if not snapshot.is_due:
            return snapshot
        maintain.make_due_ready(connection)
        return self.read(connection)
