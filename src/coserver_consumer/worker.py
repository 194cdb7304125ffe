"""The worker: one claimer and several job threads.

Each round of the claimer is one transaction: the endings collected since the last round are
written, and as many jobs are claimed as threads are idle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Thread, get_ident

from sqlalchemy import Connection

from coserver_consumer import logs, store
from coserver_consumer.current_job import CurrentJob
from coserver_consumer.database import Database
from coserver_consumer.errors import StoreUnavailable
from coserver_consumer.job import Job, RunKey
from coserver_consumer.lifecycle import Ending, cancel, conclude, fail, overran, release
from coserver_consumer.loop import Loop
from coserver_consumer.outcome import Failed
from coserver_consumer.registration import Registration
from coserver_consumer.runs import Result, Run, Runs
from coserver_consumer.settings import Settings


@dataclass(frozen=True, slots=True)
class Round:
    """What one transaction did: endings that were ours, jobs claimed, jobs nobody ran."""

    ours: set[RunKey]
    claimed: list[Job]
    orphans: list[Job]


class Worker:
    """Claims jobs and runs them by ``attempt``, each in one of the threads."""

    def __init__(
        self,
        *,
        database: Database,
        registration: Registration,
        settings: Settings,
        attempt: Callable[[CurrentJob], Ending],
    ) -> None:
        self.runs = Runs()
        self._database = database
        self._registration = registration
        self._settings = settings
        self._attempt = attempt
        self._inbox: SimpleQueue[Run | None] = SimpleQueue()
        self._at_work: dict[int, Run] = {}
        self._is_claiming = True
        self._is_doubtful = False
        self._pause = settings.poll_min
        self._claimer = Loop("claimer", every=settings.poll_max, tick=self._turn)
        self._threads = [
            Thread(target=self._serve, name=f"job-{number}", daemon=True)
            for number in range(settings.threads)
        ]

    def start(self) -> None:
        """Start the threads and look for jobs."""
        for thread in self._threads:
            thread.start()
        self._claimer.start()

    def wake(self) -> None:
        """Look for jobs now."""
        self._claimer.wake()

    def drain(self) -> None:
        """Claim nothing more; what runs goes on and its endings are told."""
        self._is_claiming = False
        self.wake()

    def stop(self) -> None:
        """Take no job up any more; the caller has waited until none runs, or given them back."""
        self._claimer.stop()
        for _ in self._threads:
            self._inbox.put(None)

    def give_back(self) -> list[Job]:
        """Have what still runs go back to its queue, and return it."""
        jobs = []
        for run in self.runs.running():
            run.stop.set()
            self.runs.close(run, release(run.job))
            jobs.append(run.job)
        self.wake()
        return jobs

    def put_down(self) -> list[Job]:
        """End the attempts that hang, as cancelled or failed, and return their jobs.

        Their threads go on: the caller ends this process.
        """
        hanging = self.runs.hanging(self._settings.kill_after)
        for run in hanging:
            self.runs.close(run, self._conclude_hanging(run))
        self.wake()
        return [run.job for run in hanging]

    def at_work(self) -> dict[int, Run]:
        """Return what the job threads do now, by the threads' idents."""
        return dict(self._at_work)

    @property
    def is_idle(self) -> bool:
        """True if nothing runs and the database knows all endings."""
        return self.runs.is_empty

    def _turn(self) -> float:
        """Make one round if there is anything to tell or to claim; return the pause after it."""
        results, wanted = self.runs.results(), self._count_wanted()
        if not results and not wanted:
            return self._settings.poll_max
        try:
            done = self._make_round(results, wanted)
        except Exception as error:
            self._is_doubtful = True
            if not isinstance(error, StoreUnavailable):
                self._tell_apart(results)
            raise
        self._is_doubtful = False
        self._conclude(results, done)
        empty = min(self._pause * 2, self._settings.poll_max)
        self._pause = self._settings.poll_min if done.claimed else empty
        return self._pause

    def _count_wanted(self) -> int:
        """Return how many threads are idle, 0 when no more jobs are wanted."""
        idle = len(self._threads) - len(self.runs.running())
        return max(0, idle) if self._is_claiming else 0

    def _make_round(self, results: list[Result], wanted: int) -> Round:
        """Tell and claim in one transaction, which may be tried more than once."""

        def work(connection: Connection) -> Round:
            orphans = self._find_orphans(connection) if self._is_doubtful else []
            endings = [result.ending for result in results] + [release(job) for job in orphans]
            ours = store.finish(connection, endings, max_result=self._settings.max_result)
            info = self._registration.info
            claimed = store.claim(
                connection,
                consumer=info.id,
                queues=info.queues,
                tasks=info.tasks,
                limit=wanted,
                capabilities=info.capabilities,
            )
            return Round(ours, claimed, orphans)

        return self._database.write(work)

    def _find_orphans(self, connection: Connection) -> list[Job]:
        """Return jobs that a round claimed whose commit succeeded and whose answer was lost."""
        held = store.held(connection, self._registration.id)
        known = self.runs.known()
        return [job for job in held if job.key not in known]

    def _conclude(self, results: list[Result], done: Round) -> None:
        """Do here what the transaction did there."""
        self.runs.forget(results)
        for result in results:
            if result.job.key in done.ours:
                logs.ended(result.job, result.ending, result.seconds)
            else:
                logs.lease_lost(result.job.key)
        logs.orphans_released(done.orphans)
        for job in done.claimed:
            logs.claimed(job)
            self._inbox.put(self.runs.open(job))

    def _tell_apart(self, results: list[Result]) -> None:
        """Tell each ending alone, after all together were refused: one bad one mustn't block all.

        One that is refused even so becomes a failure that says so. If the database doesn't take
        this either, the job is left as it is until this consumer stops.
        """
        for result in results:
            failure = Failed(error="The ending of this attempt couldn't be written; see the log.")
            failed = replace(result, ending=fail(result.job, failure))
            if not self._tell(result) and not self._tell(failed):
                self.runs.give_up(result)

    def _tell(self, result: Result) -> bool:
        """Tell one ending; return False if the database refuses it as it is."""
        try:
            ours = self._database.write(
                lambda connection: store.finish(connection, [result.ending])
            )
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  whatever the driver raises
            logs.untellable(result.job.key, error)
            return False
        self._conclude([result], Round(ours, [], []))
        return True

    def _serve(self) -> None:
        """Run jobs, one after another, until None comes."""
        while (run := self._inbox.get()) is not None:
            self._at_work[get_ident()] = run
            ending = self._run(run)
            del self._at_work[get_ident()]
            self.runs.close(run, ending)
            self.wake()

    def _run(self, run: Run) -> Ending:
        """Return how the attempt ended, which may have been stopped before it began."""
        if run.stop.is_set():
            return cancel(run.job, "cancelled")
        return self._attempt(
            CurrentJob(job=run.job, report=self._reporter(run), is_cancelled=run.stop.is_set)
        )

    def _conclude_hanging(self, run: Run) -> Ending:
        """Return what becomes of a job that its process is killed for."""
        if run.kill.is_set():
            return cancel(run.job, "cancelled; the process that ran it was killed")
        return conclude(run.job, overran(run.job), backoff=self._settings.backoff)

    def _reporter(self, run: Run) -> Callable[[float, str | None], None]:
        """Return what a running job calls to show its progress."""

        def report(fraction: float, text: str | None) -> None:
            try:
                is_ours = self._database.write(
                    lambda connection: store.report(connection, run.job.key, fraction, text)
                )
            except StoreUnavailable:
                return  # a progress bar isn't worth an attempt
            if not is_ours:
                run.stop.set()

        return report
