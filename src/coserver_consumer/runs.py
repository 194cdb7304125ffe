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
    """One claimed attempt.

    ``stop`` is set when it was cancelled or lost, ``kill`` when somebody won't wait for it.
    """

    job: Job
    stop: Event = field(default_factory=Event)
    kill: Event = field(default_factory=Event)
    claimed: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> float:
        """For how many seconds it has been ours."""
        return time.monotonic() - self.claimed

    def hangs(self, patience: float) -> bool:
        """Return True if it goes on ``patience`` seconds after its timeout, or is to be killed."""
        limit = self.job.timeout
        return self.kill.is_set() or (limit is not None and self.age > limit + patience)


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
        self._closed = 0

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
            self._closed += 1
            self._results[run.job.key] = Result(run.job, ending, run.age)

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

    @property
    def closed(self) -> int:
        """How many runs have ended here."""
        return self._closed

    def hanging(self, patience: float) -> list[Run]:
        """Return the runs that hang; see ``Run.hangs``."""
        return [run for run in self.running() if run.hangs(patience)]

    def stop(self, keys: Iterable[RunKey]) -> None:
        """Ask these runs to stop at their next ``check_cancelled``."""
        for run in self._find(keys):
            run.stop.set()

    def kill(self, keys: Iterable[RunKey]) -> None:
        """Have these runs ended with their process."""
        for run in self._find(keys):
            run.kill.set()

    def _find(self, keys: Iterable[RunKey]) -> list[Run]:
        with self._lock:
            return [self._running[key] for key in keys if key in self._running]
