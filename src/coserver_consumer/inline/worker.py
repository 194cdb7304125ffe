"""A worker without threads of its own: it runs jobs in the thread that calls it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.model.job import Job
from coserver_consumer.model.lifecycle import Ending, fail
from coserver_consumer.processes.forks import end_in_children
from coserver_consumer.runtime.database import RETRY_EVERY_S, Database
from coserver_consumer.runtime.logs import job_logs
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import claim, finish, manage
from coserver_consumer.tasks.registry import Registry
from coserver_consumer.worker.claimer import UNWRITABLE
from coserver_consumer.worker.executor import Executor
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.keys import Keys
from coserver_consumer.worker.prefetch import Prefetch
from coserver_consumer.worker.run import EndedRun, Run
from coserver_consumer.worker.runner import Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which jobs are run: of these queues, in this order, and tasks, with what they require."""

    queues: Sequence[str]
    tasks: Sequence[str]
    capabilities: Sequence[str] = ()


class InlineWorker:
    """Claims jobs under the id that ``find_id`` gives, runs them and writes how they ended.

    What runs is among ``in_flight``, for a heartbeat.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        settings: Settings,
        *,
        find_id: Callable[[], str],
    ) -> None:
        self.in_flight = InFlight()
        self._database = database
        self._settings = settings
        self._find_id = find_id
        self._run: Run | None = None
        executor = Executor(registry=registry, settings=settings, keys=Keys(database))
        self._runner = Runner(
            database,
            self.in_flight,
            Prefetch(),
            attempt=end_in_children(executor.attempt),
            backoff=settings.backoff,
        )

    def run_next(self, choose: Callable[[Connection], Choice]) -> EndedRun | None:
        """Run the next job; return as what it has ended in the store. None if none is ready.

        ``choose`` is asked in the claim's transaction. Raises ``StoreUnavailable``.
        """
        job = self._database.write(lambda connection: self._claim(connection, choose(connection)))
        return None if job is None else self._attempt(job)

    def find_run(self) -> Run | None:
        """Return what runs now."""
        return self._run

    def _claim(self, connection: Connection, choice: Choice) -> Job | None:
        """Claim the first job that hasn't ended before: another program may have copied one."""
        finish.expire_overdue(connection)
        while jobs := claim.claim(
            connection,
            consumer=self._find_id(),
            queues=choice.queues,
            tasks=choice.tasks,
            limit=1,
            capabilities=choice.capabilities,
        ):
            if not finish.remove_duplicates(connection, jobs):
                return jobs[0]
        return None

    def _attempt(self, job: Job) -> EndedRun:
        """Run it and write how that ended, unless its own commit was its end."""
        (self._run,) = self.in_flight.add([job])
        self._runner.run(self._run)
        self._run = None
        (ended,) = self.in_flight.ended()
        written = self._write(ended)
        self.in_flight.forget([ended])
        return EndedRun(job, written, ended.seconds)

    def _write(self, ended: EndedRun) -> Ending:
        """Write an ending; while the database is away try again, as long as the lease may last."""
        deadline = time.monotonic() + self._settings.dead_after
        ending = ended.ending
        while True:
            try:
                return self._write_once(ending)
            except StoreUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_EVERY_S)
            except Exception as error:
                if ending is not ended.ending:
                    raise
                job_logs.ending_refused(ending.key, error)
                ending = fail(ended.job, UNWRITABLE)

    def _write_once(self, ending: Ending) -> Ending:
        """Write an ending; return it with what has become of the job.

        Somebody may have cancelled it meanwhile, which goes before a further attempt.
        """

        def work(connection: Connection) -> Ending:
            longest = self._settings.max_result
            written = finish.end_attempts(connection, [ending], max_result=longest).get(ending.key)
            return written or ending._replace(state=manage.get(connection, ending.key.job_id).state)

        return self._database.write(work)
