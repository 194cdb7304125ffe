"""Something that a consumer does again and again in a thread of its own."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Event, Thread

from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.runtime.logs import consumer_logs

JITTER = 0.1  # of the pause, up and down, so that consumers don't march in step
OUTAGE_PAUSE_S = 1.0  # at most, between two tries while the database is away
MAX_FAILURE_PAUSE_S = 60.0  # the pauses of a loop that fails again and again double up to this
MAX_DOUBLINGS = 100  # more than enough for any pause, and a float can hold the factor
MAX_PAUSE_S = 86_400.0  # whatever pause was asked for: a lock can't wait for ever


class Loop:
    """Calls ``tick``, waits ``every`` seconds, and so on until it is stopped; no error ends it.

    A tick may return another pause in seconds, 0 for none. ``wake`` ends a pause early.
    """

    def __init__(self, name: str, *, every: float, tick: Callable[[], float | None]) -> None:
        self._name = name
        self._every = every
        self._tick = tick
        self._failures = 0
        self._woken = Event()
        self._stopped = False
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin with the first tick."""
        self._thread.start()

    def wake(self) -> None:
        """Have the next tick now."""
        if not self._woken.is_set():  # to ask is much cheaper than to set it again
            self._woken.set()

    def stop(self) -> None:
        """Let no further tick begin."""
        self._stopped = True
        self.wake()

    def join(self, timeout: float) -> bool:
        """Wait until the current tick is over, at most ``timeout`` seconds; return if it is."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped:
            pause = self._tick_safely()
            self._woken.wait(min(pause, MAX_PAUSE_S) * random.uniform(1 - JITTER, 1 + JITTER))
            self._woken.clear()

    def _tick_safely(self) -> float:
        """Tick once and return the pause that follows, whatever happened."""
        try:
            pause = self._tick()
        except StoreUnavailable:
            return min(self._every, OUTAGE_PAUSE_S)
        except BaseException as error:  # noqa: BLE001  a loop that ended would be missed by nobody
            self._failures += 1
            consumer_logs.loop_failed(self._name, error)
            return max(self._every, min(self._every * self._slowdown, MAX_FAILURE_PAUSE_S))
        self._failures = 0
        return self._every if pause is None else pause

    @property
    def _slowdown(self) -> float:
        """By what factor the pause is longer after so many failures in a row."""
        return 2.0 ** min(self._failures, MAX_DOUBLINGS)
