"""The runner: takes a run from its start to its ending."""

from __future__ import annotations

from collections.abc import Callable

from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.model.followed import FollowedJob, to_followed
from coserver_consumer.model.lifecycle import Ending, cancel, conclude, release
from coserver_consumer.model.outcome import CANCELLED
from coserver_consumer.model.retry import Backoff
from coserver_consumer.producer.result import find_result
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import job_logs
from coserver_consumer.store import claim, manage
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.prefetch import Prefetch
from coserver_consumer.worker.run import Run
from coserver_consumer.worker.run_endings import conclude_attempt, explain_break

Attempt = Callable[[CurrentJob], Ending]


class Runner:
    """Does runs by ``attempt``, in whichever thread calls it."""

    def __init__(
        self,
        database: Database,
        in_flight: InFlight,
        prefetch: Prefetch,
        *,
        attempt: Attempt,
        backoff: Backoff,
    ) -> None:
        self._database = database
        self._in_flight = in_flight
        self._prefetch = prefetch
        self._attempt = attempt
        self._backoff = backoff

    def run(self, run: Run) -> None:
        """Do a run, unless it has been given back meanwhile."""
        if not self._in_flight.begin(run):
            return
        may_begin = run.is_start_written or self._write_start(run)
        ending = self._perform(run) if may_begin else release(run.job)
        self._prefetch.note(run.seconds)
        self._in_flight.end(run, ending)

    def fail(self, run: Run, error: BaseException | None) -> None:
        """End a run that the consumer itself stumbled over, as a failed attempt.

        ``error`` is None if its thread has ended without a word.
        """
        failed = explain_break(error)
        self._in_flight.end(run, conclude(run.job, failed, backoff=self._backoff))
        job_logs.attempt_broke(run.key, failed.error, failed.traceback)

    def _write_start(self, run: Run) -> bool:
        """Have the store note that the run begins; return False if it may not begin.

        Then it isn't ours any more, or has expired, which only the database's clock can tell.
        """
        try:
            return self._database.write(
                lambda connection: claim.begin_prefetched(connection, run.key)
            )
        except Exception:  # noqa: BLE001  at worst a rescue isn't counted
            return run.job.expires_at is None

    def _perform(self, run: Run) -> Ending:
        """Return how the run ends, which may have been stopped before it began."""
        if run.is_to_stop():
            stopped = cancel(run.job, CANCELLED)._replace(has_begun=False)
            return conclude_attempt(run, stopped)
        current = CurrentJob(
            job=run.job,
            report=self._reporter(run),
            is_cancelled=run.is_to_stop,
            follow=lambda: self._follow(run),
        )
        return conclude_attempt(run, self._attempt(current))

    def _follow(self, run: Run) -> tuple[FollowedJob, ...]:
        """Return what has become of the jobs that the run's job came after."""
        found = self._database.read(
            lambda connection: manage.find_followed(connection, run.key.job_id)
        )
        return tuple(to_followed(job_id, job, find_result) for job_id, job in found)

    def _reporter(self, run: Run) -> Callable[[float, str | None], None]:
        """Return what a running job calls to show its progress."""

        def report(fraction: float, text: str | None) -> None:
            try:
                is_ours = self._database.write(
                    lambda connection: manage.report(connection, run.key, fraction, text)
                )
            except StoreUnavailable:
                return  # a progress bar isn't worth an attempt
            if not is_ours:
                self._in_flight.cancel([run.key])

        return report
