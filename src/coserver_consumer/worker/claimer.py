"""The claimer: writes endings and claims jobs, as many as the threads can begin."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum, auto
from threading import Lock

from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.model.job import Job
from coserver_consumer.model.lifecycle import fail, release
from coserver_consumer.model.outcome import Failed
from coserver_consumer.model.retry import RetryPolicy
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import job_logs
from coserver_consumer.runtime.registration import Registration
from coserver_consumer.settings.settings import Settings
from coserver_consumer.worker.ack_and_fetch import AckAndFetch, Receipt
from coserver_consumer.worker.demand import NO_DEMAND, Demand, count_demand
from coserver_consumer.worker.dispatch_queue import DispatchQueue
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.prefetch import Prefetch
from coserver_consumer.worker.run import EndedRun, Run

PAUSE_SHARE = 0.1  # of the time in which no job was found: the pause before the next look
PREFETCHED_WAIT_S = 0.25  # after which a job that no thread has begun is given back
UNWRITABLE = Failed(error="The ending of this attempt couldn't be written; see the log.")


class ClaimerState(Enum):
    """What a claimer does about the next jobs."""

    POLLING = auto()  # it looks whether there are any, and claims them
    NOTIFIED = auto()  # a producer says that there are: it claims without a look
    DRAINING = auto()  # it claims no more; the endings of what runs are written


class Claimer:
    """Takes from the queues what the threads can run. Each tick makes one claim at most."""

    def __init__(
        self,
        database: Database,
        registration: Registration,
        settings: Settings,
        *,
        in_flight: InFlight,
        queue: DispatchQueue,
        prefetch: Prefetch,
        policy: Callable[[str], RetryPolicy],
    ) -> None:
        self._registration = registration
        self._settings = settings
        self._in_flight = in_flight
        self._queue = queue
        self._prefetch = prefetch
        self._policy = policy  # of the task with a name
        self._ack_and_fetch = AckAndFetch(
            database, registration, in_flight, max_result=settings.max_result
        )
        self._lock = Lock()
        self._state = ClaimerState.POLLING
        self._last_commit_in_doubt = False
        self._found_at = time.monotonic()

    def tick(self) -> float:
        """Write endings and claim jobs, if there are any; return how many seconds to pause."""
        self._give_back_overdue()
        ended, demand = self._in_flight.ended(), self._count_demand()
        if ended or self._is_worth_it(demand):
            receipt = self._commit(ended, demand)
            self._apply(ended, receipt)
        return self._find_pause(demand)

    def notify(self) -> None:
        """Claim without a look next time: a producer says that there is a job."""
        with self._lock:
            if self._state is ClaimerState.POLLING:
                self._state = ClaimerState.NOTIFIED

    def drain(self) -> None:
        """Claim no more, and give back what is prefetched."""
        with self._lock:
            self._state = ClaimerState.DRAINING
        self._give_back_overdue()

    def _give_back_overdue(self) -> None:
        """Give back what has waited too long for a thread, or all that waits when draining.

        So another consumer can have it.
        """
        is_draining = self._state is ClaimerState.DRAINING
        longest = 0.0 if is_draining else PREFETCHED_WAIT_S
        for run in self._in_flight.prefetched():
            if run.seconds < longest:
                return  # those behind it were claimed later
            self._in_flight.end(run, release(run.job))

    def _count_demand(self) -> Demand:
        state, threads = self._state, self._settings.threads
        if state is ClaimerState.DRAINING:
            return NO_DEMAND
        is_notified = state is ClaimerState.NOTIFIED
        return count_demand(self._in_flight, self._prefetch, threads, is_notified=is_notified)

    def _is_worth_it(self, demand: Demand) -> bool:
        """Return True if a claim may find jobs, after a look at the queues if need be."""
        if not demand.jobs:
            return False
        is_sure = demand.is_notified or self._last_commit_in_doubt
        return is_sure or self._ack_and_fetch.may_find_jobs()

    def _commit(self, ended: Sequence[EndedRun], demand: Demand) -> Receipt:
        """Acknowledge and fetch; the commit is in doubt until its receipt has been applied."""
        if demand.is_notified:
            self._heed_notification()
        was_in_doubt, self._last_commit_in_doubt = self._last_commit_in_doubt, True
        try:
            return self._ack_and_fetch.commit(ended, demand, last_commit_in_doubt=was_in_doubt)
        except StoreUnavailable:
            raise
        except Exception:
            self._write_each(ended)
            raise

    def _heed_notification(self) -> None:
        """Look again before a claim, unless a producer notifies from now on."""
        with self._lock:
            if self._state is ClaimerState.NOTIFIED:
                self._state = ClaimerState.POLLING

    def _apply(self, ended: Sequence[EndedRun], receipt: Receipt) -> None:
        """Do in this process what the transaction did in the database; log it afterwards."""
        self._in_flight.forget(ended)
        jobs = map(self._limit_attempts, receipt.claimed)
        runs = self._in_flight.add(jobs, unstarted=receipt.unstarted)
        self._queue.low_water = self._prefetch.count(self._settings.threads) // 2
        if runs:
            self._dispatch(runs)
        self._last_commit_in_doubt = False
        _log(ended, receipt)
        job_logs.claimed(run.job for run in runs)

    def _dispatch(self, runs: Sequence[Run]) -> None:
        """Hand what was claimed to the threads."""
        self._found_at = time.monotonic()
        if runs[0].job.consumer != self._registration.id:  # it has changed meanwhile
            self._in_flight.mark_lost(except_of=self._registration.id)
        self._queue.put(runs, are_tiny=self._prefetch.jobs_are_tiny)

    def _limit_attempts(self, job: Job) -> Job:
        """Return the job with as many attempts as its task gives it."""
        attempts = self._policy(job.task).attempts(job.max_attempts)
        return job if attempts == job.max_attempts else job.with_attempts(attempts)

    def _write_each(self, ended: Sequence[EndedRun]) -> None:
        """Write each ending alone, after all together were refused: one bad one mustn't block all.

        One that is refused even so becomes a failure that says so. If the database doesn't take
        this either, the job is left as it is until this consumer stops.
        """
        for each in ended:
            failed = replace(each, ending=fail(each.job, UNWRITABLE))
            if not self._write(each) and not self._write(failed):
                self._in_flight.give_up(each)

    def _write(self, ended: EndedRun) -> bool:
        """Write one ending; return False if the database refuses it as it is."""
        receipt = self._ack_and_fetch.write_ending(ended)
        if receipt is not None:
            self._in_flight.forget([ended])
            _log([ended], receipt)
        return receipt is not None

    def _find_pause(self, demand: Demand) -> float:
        """Return how long to wait, shorter while jobs wait that may have to be given back."""
        pause = self._poll_pause if demand.jobs else self._settings.poll_max
        return min(pause, PREFETCHED_WAIT_S) if self._in_flight.has_prefetched else pause

    @property
    def _poll_pause(self) -> float:
        """The seconds until the next look: a share of the time in which no job was found."""
        pause = (time.monotonic() - self._found_at) * PAUSE_SHARE
        return min(max(pause, self._settings.poll_min), self._settings.poll_max)


def _log(ended: Sequence[EndedRun], receipt: Receipt) -> None:
    """Say what became of endings, and what else was put right."""
    for each in ended:
        if written := receipt.acknowledged.get(each.ending.key):
            job_logs.ended(each.job, written, each.seconds)
        else:
            job_logs.lease_lost(each.ending.key)
    job_logs.orphans_released(receipt.orphans)
    job_logs.duplicates_removed(receipt.duplicates)
