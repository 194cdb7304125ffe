"""The dispatch queue: the runs that wait in a worker for one of its threads.

Python lets one thread run at a time. Several threads with jobs that take next to no time would only
wait for each other, and have the claimer wait; so such tiny jobs are left to one thread for as long
as it keeps up with them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from queue import SimpleQueue
from threading import Lock

from coserver_consumer.runtime.loop import Loop
from coserver_consumer.worker.run import Run

STALL_S = 0.002  # in which a thread takes the next tiny job, or another thread is woken
IDLE_CHECK_S = 60.0  # between two looks for a stall while nothing waits


class DispatchQueue:
    """What a claimer puts in and so many threads take out, the first first."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._runs: deque[Run | None] = deque()
        self._wakeups: SimpleQueue[None] = SimpleQueue()
        self._lock = Lock()
        self._idle_threads = 0
        self._first: Run | None = None
        self.low_water = 0  # if no more runs than these wait, it is time to claim
        self._stall_check = Loop("dispatcher", every=IDLE_CHECK_S, tick=self._find_stall)

    def start(self) -> None:
        """Begin to look whether the threads keep up."""
        self._stall_check.start()

    def put(self, runs: Sequence[Run], *, are_tiny: bool) -> None:
        """Add runs; one thread is to do those that ``are_tiny``, unless it doesn't keep up."""
        self._runs.extend(runs)
        idle = self._idle_threads
        if are_tiny:
            self._wake(1 if idle == self._threads else 0)
            self._stall_check.wake()
        else:
            self._wake(min(len(runs), idle))

    def close(self) -> None:
        """Let every thread get None, behind what waits."""
        self._runs.extend([None] * self._threads)
        self._wake(self._threads)
        self._stall_check.stop()

    def get(self) -> Run | None:
        """Return the next run as soon as there is one; None when the queue is closed."""
        while True:
            try:
                return self._runs.popleft()
            except IndexError:
                self._wait()

    @property
    def is_low(self) -> bool:
        """True if so few runs wait that it is time to claim."""
        return len(self._runs) <= self.low_water

    def _wait(self) -> None:
        """Wait to be woken; a thread that is woken for nothing waits again."""
        with self._lock:
            self._idle_threads += 1
        try:
            if not self._runs:
                self._wakeups.get()
        finally:
            with self._lock:
                self._idle_threads -= 1

    def _wake(self, threads: int) -> None:
        for _ in range(threads):
            self._wakeups.put(None)

    def _find_stall(self) -> float:
        """Wake a thread if the run that waits first is the same as the last time."""
        try:
            first = self._runs[0]
        except IndexError:
            self._first = None
            return IDLE_CHECK_S
        if first is self._first and self._idle_threads:
            self._wake(1)
        self._first = first
        return STALL_S
