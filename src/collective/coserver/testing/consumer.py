"""What a consumer does with jobs, step by step in a test."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager

import transaction
from sqlalchemy import Connection

from collective.coserver import queue
from collective.coserver.database import engine
from collective.coserver.database.settings import get_settings
from collective.coserver.functions.eager import EagerCalls, eagerly
from collective.coserver.testing.publish import run_call, run_view, run_xmlrpc
from coserver_consumer import store
from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.job import Job, State, new_id
from coserver_consumer.model.lifecycle import WAITING
from coserver_consumer.tasks.registry import Registry
from coserver_consumer.tasks.task import Task
from coserver_consumer.worker.executor import Executor

TASKS = {
    "view": Task(name="view", run=run_view, is_signed=True),
    "call": Task(name="call", run=run_call, is_signed=True),
    "xmlrpc": Task(name="xmlrpc", run=run_xmlrpc, is_signed=True),
}
MOST = 1000  # jobs that wait in one test


class InProcessConsumer:
    """Runs the jobs of Zope's queue in the thread that calls it."""

    def __init__(self) -> None:
        self._id = new_id()
        self._executor = Executor(registry=Registry(tasks=TASKS), settings=get_settings())

    def run(self, *, scheduled: bool = False) -> list[Job]:
        """Commit, run what is ready and what that queues or lets go; return those jobs.

        With ``scheduled``, what is due later is run now: delayed jobs, and the next attempts of
        those that failed or snoozed. The jobs are returned as they are in the end, in the order in
        which they were begun.
        """
        transaction.commit()
        ran: dict[str, None] = {}
        self._run_ready(ran)
        while scheduled and self._hasten(but=ran):
            self._run_ready(ran)
        transaction.begin()
        return [queue.get(job_id) for job_id in ran]

    def waiting(self) -> list[Job]:
        """Return the jobs that are committed and haven't run yet, the oldest first."""
        found = engine.read(lambda connection: store.find(connection, states=WAITING, limit=MOST))
        return found[::-1]

    def add_queue(self, name: str) -> None:
        """Make a queue known, as a consumer that serves it does."""
        engine.write(lambda connection: store.add_queue(connection, name))

    def eagerly(self) -> AbstractContextManager[EagerCalls]:
        """Within the block ``delay`` calls the function at once, in the test's transaction.

        Nothing is queued, errors come through, and ``results`` of what the block is given has
        what was returned, by job id.
        """
        return eagerly()

    def _run_ready(self, ran: dict[str, None]) -> None:
        """Run jobs until none is ready, and note which."""
        while job := self._claim():
            self._attempt(job)
            ran[job.id] = None

    def _hasten(self, *, but: Collection[str]) -> bool:
        """Make scheduled jobs ready, but for these; return False if there were none."""
        due = [
            job.id for job in self.waiting() if job.state is State.SCHEDULED and job.id not in but
        ]
        for job_id in due:
            queue.retry(job_id)
        return bool(due)

    def _claim(self) -> Job | None:
        """Take the next job, whatever it requires."""
        capabilities = {name for job in self.waiting() for name in job.requires}

        def work(connection: Connection) -> list[Job]:
            return store.claim(
                connection,
                consumer=self._id,
                queues=store.queues(connection),
                tasks=list(TASKS),
                limit=1,
                capabilities=sorted(capabilities),
            )

        return next(iter(engine.write(work)), None)

    def _attempt(self, job: Job) -> None:
        """Run it and write how that ended, unless its own commit was its end."""
        current = CurrentJob(job=job, report=_ignore, is_cancelled=lambda: False)
        ending = self._executor.attempt(current)
        engine.write(lambda connection: store.end_attempts(connection, [ending]))


def _ignore(fraction: float, text: str | None) -> None:
    """Take no report: what runs in Zope writes its progress itself."""


@contextmanager
def open_queue(url: str) -> Iterator[InProcessConsumer]:
    """Make the tables, and let Zope use them for as long as the settings name this database."""
    made = store.open_engine(url)
    store.upgrade(made)
    made.dispose()
    get_settings.cache_clear()
    try:
        yield InProcessConsumer()
        transaction.abort()
        engine.get_engine().dispose()
    finally:
        get_settings.cache_clear()
