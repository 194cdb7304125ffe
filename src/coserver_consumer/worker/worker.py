"""The worker: one claimer and several job threads.

In each round of the claimer the endings collected since the last round are written, and as many
jobs are claimed as threads are idle, and some ahead if jobs are short.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from coserver_consumer import store
from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.model.exception_text import describe, format_traceback
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import Ending, cancel, conclude, fail, overran, release
from coserver_consumer.model.outcome import Failed
from coserver_consumer.model.retry import PLAIN, RetryPolicy
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import job_logs
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.runtime.registration import Registration
from coserver_consumer.settings.settings import Settings
from coserver_consumer.worker.ack_and_fetch import Round, Rounds, Wanted
from coserver_consumer.worker.dispatch_queue import DispatchQueue
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.job_threads import JobThreads
from coserver_consumer.worker.prefetch import WINDOW_S, Prefetch
from coserver_consumer.worker.run import EndedRun, Phase, Run, Stop

HASTE = 0.1  # of the time in which nothing was found: so long is the pause before the next look
PATIENCE = 0.25  # seconds that a job waits here for a thread before it is given back


class Worker:
    """Claims jobs and runs them by ``attempt``, each in one of the threads."""

    def __init__(
        self,
        *,
        database: Database,
        registration: Registration,
        settings: Settings,
        attempt: Callable[[CurrentJob], Ending],
        policy: Callable[[str], RetryPolicy] = lambda _: PLAIN,
        is_elsewhere: Callable[[Job], bool] = lambda _: False,
    ) -> None:
        self.in_flight = InFlight(is_elsewhere)
        self._database = database
        self._registration = registration
        self._settings = settings
        self._attempt = attempt
        self._policy = policy  # of the task with a name
        self._queue = DispatchQueue(settings.threads)
        self._threads = JobThreads(settings.threads, self._queue, work=self._work, fail=self._fail)
        self._prefetch = Prefetch()
        self._low = 0  # if no more jobs than these wait here, it is time to claim
        self._is_claiming = True
        self._is_doubtful = False
        self._is_notified = False
        self._rounds = Rounds(
            database, registration, self.in_flight, max_result=settings.max_result
        )
        self._found_at = time.monotonic()
        self._claimer = Loop("claimer", every=settings.poll_max, tick=self._turn)

    def start(self) -> None:
        """Start the threads and look for jobs."""
        self._queue.start()
        self._threads.start()
        self._claimer.start()

    def wake(self) -> None:
        """Look for jobs now."""
        self._claimer.wake()

    def notify(self) -> None:
        """Claim now: a producer says that there is a job."""
        self._is_notified = True
        self.wake()

    def drain(self) -> None:
        """Claim nothing more; what runs goes on and its endings are told."""
        self._is_claiming = False
        self._give_up_waiting(0)
        self.wake()

    def stop(self) -> None:
        """Take no job up any more; the caller has waited until none runs, or given them back."""
        self._claimer.stop()
        self._threads.stop()

    def give_back(self) -> list[Job]:
        """Have what still runs go back to its queue, and return it."""
        jobs = []
        for run in self.in_flight.unended():
            self.in_flight.end(run, release(run.job))
            run.ask_to_stop(Stop.RELEASED)
            jobs.append(run.job)
        self.wake()
        return jobs

    def put_down(self) -> list[Job]:
        """End the attempts that hang, as cancelled or failed, and return their jobs.

        Their threads go on: the caller ends this process.
        """
        hanging = self.in_flight.hanging(self._settings.kill_after)
        for run in hanging:
            self.in_flight.end(run, self._conclude_hanging(run))
        self.wake()
        return [run.job for run in hanging]

    def at_work(self) -> dict[int, Run]:
        """Return what the job threads do now, by the threads' idents."""
        return self._threads.at_work()

    @property
    def is_idle(self) -> bool:
        """True if nothing runs and the database knows all endings."""
        return self.in_flight.is_empty

    def _turn(self) -> float:
        """Make one round if there is anything to tell or to claim; return the pause after it."""
        self._threads.replace_dead()
        self._give_up_waiting(PATIENCE if self._is_claiming else 0)
        results, wanted = self.in_flight.ended(), self._count_wanted()
        if not results and not wanted.number:
            return self._wait(self._settings.poll_max)
        if not results and not self._has_reason():
            return self._wait(self._pause)
        if wanted.is_notified:  # a notification from now on is for the next round
            self._is_notified = False
        was_doubtful, self._is_doubtful = self._is_doubtful, True  # until all is done here, too
        try:
            done = self._rounds.make(results, wanted, is_doubtful=was_doubtful)
        except StoreUnavailable:
            raise
        except Exception:
            self._tell_apart(results)
            raise
        self._conclude(results, done)
        self._is_doubtful = False
        if done.claimed:
            self._found_at = time.monotonic()
        return self._wait(self._pause)

    def _has_reason(self) -> bool:
        """Return True if a round may be worth it, after a look at the queues if need be."""
        return self._is_notified or self._is_doubtful or self._rounds.is_worth_it()

    @property
    def _pause(self) -> float:
        """How long to wait for the next look: a tenth of how long nothing has been found."""
        empty = (time.monotonic() - self._found_at) * HASTE
        return min(max(empty, self._settings.poll_min), self._settings.poll_max)

    def _wait(self, pause: float) -> float:
        """Return the pause, a shorter one while jobs wait that may have to be given back."""
        return min(pause, PATIENCE) if self.in_flight.prefetched() else pause

    def _count_wanted(self) -> Wanted:
        """Count the jobs that the threads could begin now and in the next moment."""
        if not self._is_claiming:
            return Wanted(0, 0)
        unended, threads = self.in_flight.unended(), len(self._threads)
        long = sum(run.phase is Phase.RUNNING and run.seconds > WINDOW_S for run in unended)
        ahead = self._prefetch.count(threads - long)
        idle = max(0, threads - len(unended))
        return Wanted(max(0, threads + ahead - len(unended)), idle, self._is_notified)

    def _give_up_waiting(self, patience: float) -> None:
        """Give back what has waited for a thread longer than ``patience`` seconds."""
        for run in self.in_flight.prefetched():
            if run.seconds >= patience:
                self.in_flight.end(run, release(run.job))

    def _conclude(self, results: list[EndedRun], done: Round) -> None:
        """Do here what the transaction did there, and say so afterwards."""
        self.in_flight.forget(results)
        runs = self.in_flight.add(map(self._fit, done.claimed), unstarted=done.unstarted)
        if runs and runs[0].job.consumer != self._registration.id:  # it has changed meanwhile
            self.in_flight.lose(but_of=self._registration.id)
        self._low = self._prefetch.count(len(self._threads)) // 2
        self._queue.put(runs, are_tiny=self._prefetch.jobs_are_tiny)
        _log_round(results, done)
        job_logs.claimed(run.job for run in runs)

    def _fit(self, job: Job) -> Job:
        """Return the job with as many attempts as its task gives it."""
        attempts = self._policy(job.task).attempts(job.max_attempts)
        return job if attempts == job.max_attempts else job._replace(max_attempts=attempts)

    def _tell_apart(self, results: list[EndedRun]) -> None:
        """Tell each ending alone, after all together were refused: one bad one mustn't block all.

        One that is refused even so becomes a failure that says so. If the database doesn't take
        this either, the job is left as it is until this consumer stops.
        """
        for result in results:
            failure = Failed(error="The ending of this attempt couldn't be written; see the log.")
            failed = replace(result, ending=fail(result.job, failure))
            if not self._tell(result) and not self._tell(failed):
                self.in_flight.give_up(result)

    def _tell(self, result: EndedRun) -> bool:
        """Tell one ending; return False if the database refuses it as it is."""
        done = self._rounds.tell(result)
        if done is not None:
            self._conclude([result], done)
        return done is not None

    def _work(self, run: Run) -> None:
        """Do one run, unless it has been given back meanwhile."""
        if not self.in_flight.begin(run):
            return
        if not run.is_start_written:
            self._write_start(run)
        ending = self._run(run)
        self._prefetch.note(run.seconds)
        self.in_flight.end(run, ending)
        if len(self._queue) <= self._low:
            self.wake()

    def _fail(self, run: Run, error: BaseException | None) -> None:
        """End a run that the consumer itself stumbled over, as a failed attempt.

        ``error`` is None if its thread has ended without a word.
        """
        why = "its thread has ended" if error is None else describe(error)
        text = f"The consumer couldn't bring this attempt to an end: {why}."
        traceback = None if error is None else format_traceback(error)
        failed = Failed(error=text, traceback=traceback)
        self.in_flight.end(run, conclude(run.job, failed, backoff=self._settings.backoff))
        self.wake()
        job_logs.attempt_broke(run.key, text, traceback)

    def _write_start(self, run: Run) -> None:
        """Have the store note that the run begins; stop it if it isn't ours any more."""
        try:
            if not self._database.write(
                lambda connection: store.begin_prefetched(connection, run.key)
            ):
                self.in_flight.cancel([run.key])
        except Exception:  # noqa: BLE001  at worst a rescue isn't counted
            return

    def _run(self, run: Run) -> Ending:
        """Return how the attempt ended, which may have been stopped before it began.

        Nobody has cancelled a lost job: if it is ours even so, it is run again.
        """
        ending = cancel(run.job, "cancelled") if run.is_to_stop() else self._begin(run)
        if run.stop is Stop.LOST and ending.state is State.CANCELLED:
            return release(run.job)
        return release(run.job) if run.stop is Stop.RELEASED and not ending.is_written else ending

    def _begin(self, run: Run) -> Ending:
        """Attempt the job and return how that ended."""
        return self._attempt(
            CurrentJob(job=run.job, report=self._reporter(run), is_cancelled=run.is_to_stop)
        )

    def _conclude_hanging(self, run: Run) -> Ending:
        """Return what becomes of a job that its process is killed for."""
        if run.stop is Stop.KILLED:
            return cancel(run.job, "cancelled; the process that ran it was killed")
        job = run.job
        policy, backoff = self._policy(job.task), self._settings.backoff
        return conclude(job, overran(job), backoff=backoff, policy=policy)

    def _reporter(self, run: Run) -> Callable[[float, str | None], None]:
        """Return what a running job calls to show its progress."""

        def report(fraction: float, text: str | None) -> None:
            try:
                is_ours = self._database.write(
                    lambda connection: store.report(connection, run.key, fraction, text)
                )
            except StoreUnavailable:
                return  # a progress bar isn't worth an attempt
            if not is_ours:
                self.in_flight.cancel([run.key])

        return report


def _log_round(results: list[EndedRun], done: Round) -> None:
    """Say what became of endings, and what else was put right."""
    for result in results:
        if result.ending.key in done.ours:
            job_logs.ended(result.job, result.ending, result.seconds)
        else:
            job_logs.lease_lost(result.ending.key)
    job_logs.orphans_released(done.orphans)
    job_logs.twins_refused(done.twins)
