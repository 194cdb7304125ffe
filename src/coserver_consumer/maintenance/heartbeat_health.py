"""Whether a consumer's own heartbeats come in time, by which it knows whether to judge others."""

from __future__ import annotations

import time

from coserver_consumer.settings.settings import Settings


class HeartbeatHealth:
    """Whether this consumer's own heartbeats come as they should.

    If one comes late, what delayed it may have delayed everybody's: a machine that was suspended,
    a disk that wrote nothing for a while. Time is the wall clock's, which goes on meanwhile.
    """

    def __init__(self, settings: Settings) -> None:
        self._late_after = max(settings.dead_after / 2, settings.heartbeat_every * 1.5)  # seconds
        self._last = self._healthy_since = time.time()

    def note_heartbeat(self) -> None:
        """Take note of a heartbeat."""
        now = time.time()
        if self._is_late(now):
            self._healthy_since = now
        self._last = now

    @property
    def healthy_seconds(self) -> float:
        """For how many seconds the heartbeats have come without a gap; 0 if one is missing."""
        now = time.time()
        return 0.0 if self._is_late(now) else now - self._healthy_since

    def _is_late(self, now: float) -> bool:
        return abs(now - self._last) > self._late_after
