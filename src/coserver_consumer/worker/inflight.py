"""The runs that this process has claimed and not yet told the end of."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from threading import Lock

from coserver_consumer.model.job import Job, RunKey
from coserver_consumer.model.lifecycle import Ending


@dataclass(slots=True, eq=False)
class Run:
    """One claimed attempt, which a thread begins or has begun.

    It is ``stopped`` when it was cancelled or lost, ``killed`` when somebody won't wait for it.
    ``lost``: its consumer had been given up, so most likely somebody else has the job.
    ``let_go``: Zope was told to stop it since this process ends, which is no fault of the job.
    ``since`` is when it was claimed, and then when it was begun. ``is_aside``: the store has to
    be told when it begins.
    """

    job: Job
    key: RunKey
    stopped: bool = False
    lost: bool = False
    let_go: bool = False
    killed: bool = False
    since: float = field(default_factory=time.monotonic)
    has_begun: bool = False
    is_aside: bool = False

    @property
    def age(self) -> float:
        """For how many seconds it has waited here, or has run."""
        return time.monotonic() - self.since

    def is_stopped(self) -> bool:
        """Return True if the attempt is to end where it is safe."""
        return self.stopped

    def hangs(self, patience: float) -> bool:
        """Return True if it goes on ``patience`` seconds after its timeout, or is to be killed.

        What waits for a thread doesn't hang: it is given back without ending a process.
        """
        if not self.has_begun:
            return False
        limit = self.job.timeout
        return self.killed or (limit is not None and self.age > limit + patience)


@dataclass(slots=True, eq=False)
class Result:
    """How a run ended, and after how many seconds."""

    job: Job
    ending: Ending
    seconds: float


class Runs:
    """What runs and what ended, for the claimer, the job threads and the heartbeat together.

    A result stays until ``forget``: it is told again as long as the database doesn't have it.
    ``is_elsewhere`` says whether another process does a job's work, and a thread here only waits.
    """

    def __init__(self, is_elsewhere: Callable[[Job], bool] = lambda _: False) -> None:
        self._is_elsewhere = is_elsewhere
        self._lock = Lock()
        self._running: dict[RunKey, Run] = {}
        self._results: dict[RunKey, Result] = {}
        self._given_up: set[RunKey] = set()
        self._closed = 0

    def open(self, jobs: Iterable[Job], *, aside: Collection[RunKey] = ()) -> list[Run]:
        """Remember jobs that were claimed; see ``is_aside`` of ``Run``."""
        runs = {key: Run(job, key) for job in jobs if (key := job.key)}
        for key in aside:
            runs[key].is_aside = True
        with self._lock:
            self._running.update(runs)
        return list(runs.values())

    def begin(self, run: Run) -> bool:
        """Note that a thread begins the run; return False if it has been given back meanwhile."""
        with self._lock:
            if run.key not in self._running:
                return False
            run.since, run.has_begun = time.monotonic(), True
            return True

    def close(self, run: Run, ending: Ending) -> None:
        """Keep how a run ended; nothing if it has been given back meanwhile."""
        with self._lock:
            if self._running.pop(run.key, None) is None:
                return
            self._closed += run.has_begun
            self._results[run.key] = Result(run.job, ending, run.age)

    def results(self) -> list[Result]:
        """Return what is to be told."""
        with self._lock:
            return list(self._results.values())

    def forget(self, results: Iterable[Result]) -> None:
        """Drop results that the database has."""
        with self._lock:
            for result in results:
                self._results.pop(result.ending.key, None)

    def give_up(self, result: Result) -> None:
        """Tell a result no more: the database will never take it."""
        self.forget([result])
        with self._lock:
            self._given_up.add(result.ending.key)

    def running(self) -> list[Run]:
        """Return the runs that haven't ended."""
        with self._lock:
            return list(self._running.values())

    def begun(self) -> list[Run]:
        """Return the runs that threads are at."""
        return [run for run in self.running() if run.has_begun]

    def waiting(self) -> list[Run]:
        """Return the runs that no thread has begun."""
        return [run for run in self.running() if not run.has_begun]

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
        """How many runs have ended here that a thread had begun."""
        return self._closed

    def hanging(self, patience: float) -> list[Run]:
        """Return the runs that hang; see ``Run.hangs``.

        What another process is at goes on though this one ends, so nothing would be won by that
        but for somebody who won't wait.
        """
        late = [run for run in self.running() if run.hangs(patience)]
        return [run for run in late if run.killed or not self._is_elsewhere(run.job)]

    def elsewhere(self) -> list[Run]:
        """Return the begun runs that another process is at."""
        return [run for run in self.begun() if self._is_elsewhere(run.job)]

    def stop(self, keys: Iterable[RunKey]) -> None:
        """Ask these runs to stop at their next ``check_cancelled``."""
        for run in self._find(keys):
            run.stopped = True

    def lose(self, *, unless_of: str) -> int:
        """Stop the runs that were claimed under another id than this; return how many."""
        lost = [run for run in self.running() if run.job.consumer != unless_of]
        for run in lost:
            run.lost = run.stopped = True
        return len(lost)

    def kill(self, keys: Iterable[RunKey]) -> None:
        """Have these runs ended with their process."""
        for run in self._find(keys):
            run.killed = True

    def _find(self, keys: Iterable[RunKey]) -> list[Run]:
        with self._lock:
            return [self._running[key] for key in keys if key in self._running]
