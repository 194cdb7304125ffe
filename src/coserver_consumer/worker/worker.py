"""The worker of a process: a claimer, which fetches jobs, and the threads that run them."""

from __future__ import annotations

from collections.abc import Callable

from coserver_consumer.model.job import Job
from coserver_consumer.model.lifecycle import release
from coserver_consumer.model.retry import PLAIN, RetryPolicy
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.runtime.registration import Registration
from coserver_consumer.settings.settings import Settings
from coserver_consumer.worker.claimer import Claimer
from coserver_consumer.worker.dispatch_queue import DispatchQueue
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.job_threads import JobThreads
from coserver_consumer.worker.prefetch import Prefetch
from coserver_consumer.worker.run import Run, Stop
from coserver_consumer.worker.run_endings import conclude_hanging
from coserver_consumer.worker.runner import Attempt, Runner


class Worker:
    """Claims jobs and runs them by ``attempt``, each in one of the threads.

    ``policy`` returns that of the task with a name. ``is_elsewhere`` says whether another process
    does a job's work.
    """

    def __init__(
        self,
        *,
        database: Database,
        registration: Registration,
        settings: Settings,
        attempt: Attempt,
        policy: Callable[[str], RetryPolicy] = lambda _: PLAIN,
        is_elsewhere: Callable[[Job], bool] = lambda _: False,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self.in_flight = InFlight(is_elsewhere)
        self._queue, prefetch = DispatchQueue(settings.threads), Prefetch()
        runner = Runner(
            database, self.in_flight, prefetch, attempt=attempt, backoff=settings.backoff
        )
        self._threads = JobThreads(settings.threads, self._queue, runner, claim=self.wake)
        self._claimer = Claimer(
            database,
            registration,
            settings,
            in_flight=self.in_flight,
            queue=self._queue,
            prefetch=prefetch,
            policy=policy,
        )
        self._loop = Loop("claimer", every=settings.poll_max, tick=self._tick)

    def start(self) -> None:
        """Start the threads and look for jobs."""
        self._queue.start()
        self._threads.start()
        self._loop.start()

    def wake(self) -> None:
        """Look for jobs now."""
        self._loop.wake()

    def notify(self) -> None:
        """Claim now: a producer says that there is a job."""
        self._claimer.notify()
        self.wake()

    def drain(self) -> None:
        """Claim nothing more; what runs goes on and its endings are written."""
        self._claimer.drain()
        self.wake()

    def stop(self) -> None:
        """Take no job up any more; the caller has waited until none runs, or given them back."""
        self._loop.stop()
        self._threads.stop()

    def give_back(self) -> list[Job]:
        """Have what still runs go back to its queue, and return it."""
        runs = self.in_flight.unended()
        for run in runs:
            self.in_flight.end(run, release(run.job))
            run.ask_to_stop(Stop.SHUTDOWN)
        self.wake()
        return [run.job for run in runs]

    def end_hanging(self) -> list[Job]:
        """End the attempts that hang, as cancelled or failed, and return their jobs.

        Their threads go on: the caller ends this process.
        """
        hanging, backoff = self.in_flight.hanging(self._settings.kill_after), self._settings.backoff
        for run in hanging:
            policy = self._policy(run.job.task)
            self.in_flight.end(run, conclude_hanging(run, backoff=backoff, policy=policy))
        self.wake()
        return [run.job for run in hanging]

    def at_work(self) -> dict[int, Run]:
        """Return what the job threads do now, by the threads' idents."""
        return self._threads.at_work()

    @property
    def is_idle(self) -> bool:
        """True if nothing runs and the database knows all endings."""
        return self.in_flight.is_empty

    def _tick(self) -> float:
        self._threads.replace_dead()
        return self._claimer.tick()
