"""The runs that this process has claimed and whose endings the database doesn't have yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from threading import Lock

from coserver_consumer.model.job import Job, RunKey
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.worker.run import EndedRun, Run, Stop


class InFlight:
    """What runs and what ended, for the claimer, the job threads and the heartbeat together.

    An ended run stays until ``forget``: its ending is written again as long as the database doesn't
    have it. ``is_elsewhere`` says whether another process does a job's work, and a thread here only
    waits.
    """

    def __init__(self, is_elsewhere: Callable[[Job], bool] = lambda _: False) -> None:
        self._is_elsewhere = is_elsewhere
        self._lock = Lock()
        self._prefetched: dict[RunKey, Run] = {}  # in the order in which they were claimed
        self._running: dict[RunKey, Run] = {}
        self._ended: dict[RunKey, EndedRun] = {}
        self._unwritable: set[RunKey] = set()
        self._ended_count = 0

    def add(self, jobs: Iterable[Job], *, unstarted: Collection[RunKey] = ()) -> list[Run]:
        """Remember jobs that were claimed; of the ``unstarted`` the database has no start yet."""
        runs = {key: Run(job, key) for job in jobs if (key := job.key)}
        for key in unstarted:
            runs[key].is_start_written = False
        with self._lock:
            self._prefetched.update(runs)
        return list(runs.values())

    def begin(self, run: Run) -> bool:
        """Note that a thread begins the run; return False if it has been given back meanwhile."""
        with self._lock:
            if self._prefetched.pop(run.key, None) is None:
                return False
            run.begin()
            self._running[run.key] = run
            return True

    def end(self, run: Run, ending: Ending) -> None:
        """Keep how a run ended; nothing if it has been given back meanwhile."""
        with self._lock:
            if self._running.pop(run.key, None) is not None:
                self._ended_count += 1
            elif self._prefetched.pop(run.key, None) is None:
                return
            self._ended[run.key] = EndedRun(run.job, ending, run.seconds)

    def ended(self) -> list[EndedRun]:
        """Return the runs whose endings are to be written."""
        with self._lock:
            return list(self._ended.values())

    def forget(self, ended: Iterable[EndedRun]) -> None:
        """Drop runs whose endings the database has."""
        with self._lock:
            for each in ended:
                self._ended.pop(each.ending.key, None)

    def give_up(self, ended: EndedRun) -> None:
        """Write an ending no more: the database will never take it."""
        self.forget([ended])
        with self._lock:
            self._unwritable.add(ended.ending.key)

    def unended(self) -> list[Run]:
        """Return the runs that haven't ended, begun or not."""
        with self._lock:
            return [*self._running.values(), *self._prefetched.values()]

    def running(self) -> list[Run]:
        """Return the runs that threads are at."""
        with self._lock:
            return list(self._running.values())

    def prefetched(self) -> list[Run]:
        """Return the runs that no thread has begun, the one claimed first first."""
        with self._lock:
            return list(self._prefetched.values())

    @property
    def has_prefetched(self) -> bool:
        """True if there are runs that no thread has begun."""
        return bool(self._prefetched)

    def count_unended(self) -> int:
        """Return how many runs haven't ended."""
        with self._lock:
            return len(self._running) + len(self._prefetched)

    def keys(self) -> set[RunKey]:
        """Return every run that this process still has to do with."""
        with self._lock:
            return {*self._prefetched, *self._running, *self._ended, *self._unwritable}

    @property
    def is_empty(self) -> bool:
        """True if nothing runs and no ending is to be written."""
        with self._lock:
            return not (self._prefetched or self._running or self._ended)

    @property
    def ended_count(self) -> int:
        """How many runs have ended here that a thread had begun."""
        return self._ended_count

    def hanging(self, kill_after: float) -> list[Run]:
        """Return the runs that hang; see ``Run.hangs``.

        What another process is at goes on though this one ends, so nothing would be won by that
        but for somebody who won't wait.
        """
        hanging = [run for run in self.running() if run.hangs(kill_after)]
        return [
            run for run in hanging if run.stop is Stop.KILLED or not self._is_elsewhere(run.job)
        ]

    def cancel(self, keys: Iterable[RunKey]) -> None:
        """Ask these runs to stop at their next ``check_cancelled``."""
        self._stop(keys, Stop.CANCELLED)

    def kill(self, keys: Iterable[RunKey]) -> None:
        """Have these runs ended with their process."""
        self._stop(keys, Stop.KILLED)

    def mark_lost(self, *, except_of: str) -> int:
        """Stop the runs that weren't claimed under this consumer's id; return how many."""
        lost = [run.key for run in self.unended() if run.job.consumer != except_of]
        return self._stop(lost, Stop.LOST)

    def stop_elsewhere(self) -> list[Run]:
        """Stop the runs that another process is at, since this one ends; return them."""
        runs = [run for run in self.running() if self._is_elsewhere(run.job)]
        self._stop([run.key for run in runs], Stop.SHUTDOWN)
        return runs

    def _stop(self, keys: Iterable[RunKey], why: Stop) -> int:
        with self._lock:
            found = [self._running.get(key) or self._prefetched.get(key) for key in keys]
            runs = [run for run in found if run is not None]
            for run in runs:
                run.ask_to_stop(why)
        return len(runs)
