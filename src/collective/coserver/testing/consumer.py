"""What a consumer does with jobs, step by step in a test."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager

import transaction

from collective.coserver import queue
from collective.coserver.database import engine
from collective.coserver.database.settings import get_settings
from collective.coserver.functions.eager import EagerCalls, eagerly
from collective.coserver.inline.runner import InlineRunner
from coserver_consumer import store
from coserver_consumer.model.job import Job, State


class InProcessConsumer:
    """Runs the jobs of Zope's queue in the thread that calls it."""

    def __init__(self) -> None:
        self._runner = InlineRunner()

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
        return self._runner.waiting()

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
        while ended := self._runner.run_next():
            ran[ended.job.id] = None

    def _hasten(self, *, but: Collection[str]) -> bool:
        """Make scheduled jobs ready, but for these; return False if there were none."""
        due = [
            job.id for job in self.waiting() if job.state is State.SCHEDULED and job.id not in but
        ]
        for job_id in due:
            queue.retry(job_id)
        return bool(due)


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
