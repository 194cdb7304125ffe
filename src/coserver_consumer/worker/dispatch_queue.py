"""The jobs that wait in a worker for one of its threads.

Python lets one thread run at a time. Several threads with jobs that take no time would only fight
for their turns, with each other and with the claimer; so such jobs are left to one thread for as
long as it keeps up with them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from queue import SimpleQueue
from threading import Lock

from coserver_consumer.runtime.loop import Loop
from coserver_consumer.worker.run import Run

KEEPS_UP = 0.002  # seconds in which a thread takes the next job, or another one is called
NOTHING_WAITS = 60.0  # seconds between two looks then


class Inbox:
    """What a claimer puts in and so many threads take out, the first first."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._runs: deque[Run | None] = deque()
        self._calls: SimpleQueue[None] = SimpleQueue()
        self._lock = Lock()
        self._resting = 0
        self._first: Run | None = None
        self._overseer = Loop("overseer", every=NOTHING_WAITS, tick=self._oversee)

    def start(self) -> None:
        """Begin to look whether the threads keep up."""
        self._overseer.start()

    def put(self, runs: Sequence[Run], *, are_trifles: bool) -> None:
        """Add runs; if they ``are_trifles``, one thread is to do them unless it doesn't keep up."""
        self._runs.extend(runs)
        resting = self._resting
        if are_trifles:
            self._call(1 if resting == self._threads else 0)
            self._overseer.wake()
        else:
            self._call(min(len(runs), resting))

    def close(self) -> None:
        """Let every thread get None, behind what waits."""
        self._runs.extend([None] * self._threads)
        self._call(self._threads)
        self._overseer.stop()

    def get(self) -> Run | None:
        """Return the next run as soon as there is one; None when it is over."""
        while True:
            try:
                return self._runs.popleft()
            except IndexError:
                self._rest()

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._runs)

    def _rest(self) -> None:
        """Wait for a call; one that isn't for this thread does no harm."""
        with self._lock:
            self._resting += 1
        try:
            if not self._runs:
                self._calls.get()
        finally:
            with self._lock:
                self._resting -= 1

    def _call(self, threads: int) -> None:
        for _ in range(threads):
            self._calls.put(None)

    def _oversee(self) -> float:
        """Call a thread if the first one that waits is the same as the last time."""
        try:
            first = self._runs[0]
        except IndexError:
            self._first = None
            return NOTHING_WAITS
        if first is self._first and self._resting:
            self._call(1)
        self._first = first
        return KEEPS_UP
