"""The runs that are at work in this process: no job has two at once, and a consumer can ask.

A run is at work from the moment its request is let in until that request has ended, after its
commit or its abort.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from threading import Lock
from typing import TypeVar

from coserver_consumer.model.job import RunKey, new_id
from coserver_consumer.protocol.run_state import RunState

K = TypeVar("K")
V = TypeVar("V")

MAX_REMEMBERED = 10_000  # runs that have ended, and as many that were told to stop

_started = new_id()


def name_process() -> str:
    """Return a name for this start of this process; a fork has another one."""
    return f"{_started}:{os.getpid()}"


class AtWork(Exception):
    """An earlier run of the job is at work here."""


class OutOfDate(Exception):
    """The run was let in here before, or was told to stop."""


class InFlightRuns:
    """Which runs are at work, which have ended lately, and which are to stop."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._at_work: dict[str, int] = {}  # by job
        self._ended: OrderedDict[RunKey, RunState] = OrderedDict()
        self._stopped: OrderedDict[str, int] = OrderedDict()  # the last run to stop, by job

    def begin(self, key: RunKey, *, is_retry: bool = False) -> None:
        """Note that the run begins; raise ``AtWork`` or ``OutOfDate`` if it mustn't.

        ``is_retry``: the publisher begins a request anew that met a conflict.
        """
        with self._lock:
            if not is_retry:
                self._check(key)
            self._at_work[key.job_id] = key.run

    def _check(self, key: RunKey) -> None:
        """Raise an error if the run mustn't begin; tell an earlier one, then, to stop."""
        run = self._at_work.get(key.job_id)
        if run is not None and run < key.run:
            self._stop(RunKey(key.job_id, run))
            raise AtWork(f"Run {run} of job {key.job_id} is still at work here.")
        if run is not None or key in self._ended:
            raise OutOfDate(f"Run {key.run} of job {key.job_id} was let in here before.")
        if self._is_stopped(key):
            raise OutOfDate(f"Run {key.run} of job {key.job_id} was told to stop.")

    def end(self, key: RunKey, state: RunState) -> None:
        """Note that the run's request has ended."""
        with self._lock:
            if self._at_work.get(key.job_id) == key.run:
                del self._at_work[key.job_id]
            _remember(self._ended, key, state)

    def stop(self, key: RunKey) -> None:
        """Tell the job's runs up to this one to stop at their next check."""
        with self._lock:
            if key not in self._ended:
                self._stop(key)

    def state(self, key: RunKey) -> RunState:
        """Return what became of the run here."""
        with self._lock:
            run = self._at_work.get(key.job_id)
            if run is not None and run <= key.run:
                return RunState.AT_WORK if run == key.run else RunState.EARLIER
            return self._ended.get(key, RunState.UNKNOWN)

    def is_stopped(self, key: RunKey) -> bool:
        """Return True if the run is to stop: nobody waits for it any more."""
        with self._lock:
            return self._is_stopped(key)

    def _stop(self, key: RunKey) -> None:
        _remember(self._stopped, key.job_id, max(key.run, self._stopped.get(key.job_id, 0)))

    def _is_stopped(self, key: RunKey) -> bool:
        return key.run <= self._stopped.get(key.job_id, 0)


def _remember(known: OrderedDict[K, V], key: K, value: V) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > MAX_REMEMBERED:
        known.popitem(last=False)


runs = InFlightRuns()
