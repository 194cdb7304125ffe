"""The runs that this process has claimed and not yet told the end of."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Event, Lock

from coserver_consumer.job import Job, RunKey
from coserver_consumer.lifecycle import Ending


@dataclass(frozen=True, slots=True)
class Run:
    """One claimed attempt. ``stop`` is set when it was cancelled or lost."""

    job: Job
    stop: Event = field(default_factory=Event)
    claimed: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended, and after how many seconds."""

    job: Job
    ending: Ending
    seconds: float


class Runs:
    """What runs and what ended, for the claimer, the job threads and the heartbeat together.

    A result stays until ``forget``: it is told again as long as the database doesn't have it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[RunKey, Run] = {}
        self._results: dict[RunKey, Result] = {}
        self._given_up: set[RunKey] = set()

    def open(self, job: Job) -> Run:
        """Remember a job that was claimed."""
        run = Run(job)
        with self._lock:
            self._running[job.key] = run
        return run

    def close(self, run: Run, ending: Ending) -> None:
        """Keep how a run ended; nothing if it has been given back meanwhile."""
        with self._lock:
            if self._running.pop(run.job.key, None) is None:
                return
            seconds = time.monotonic() - run.claimed
            self._results[run.job.key] = Result(run.job, ending, seconds)

    def results(self) -> list[Result]:
        """Return what is to be told."""
        with self._lock:
            return list(self._results.values())

    def forget(self, results: Iterable[Result]) -> None:
        """Drop results that the database has."""
        with self._lock:
            for result in results:
                self._results.pop(result.job.key, None)

    def give_up(self, result: Result) -> None:
        """Tell a result no more: the database will never take it."""
        self.forget([result])
        with self._lock:
            self._given_up.add(result.job.key)

    def running(self) -> list[Run]:
        """Return the runs that haven't ended."""
        with self._lock:
            return list(self._running.values())

    def known(self) -> set[RunKey]:
        """Return every run that this process still has to do with."""
        with self._lock:
            return {*self._running, *self._results, *self._given_up}

    @property
    def is_empty(self) -> bool:
        """True if nothing runs and nothing is to be told."""
        with self._lock:
            return not self._running and not self._results

    def stop(self, keys: Iterable[RunKey]) -> None:
        """Ask these runs to stop at their next ``check_cancelled``."""
        with self._lock:
            found = [self._running[key] for key in keys if key in self._running]
        for run in found:
            run.stop.set()
