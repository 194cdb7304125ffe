"""What a consumer does with jobs, step by step in a test."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any
from unittest.mock import patch

import transaction

from collective.coserver import queue
from collective.coserver.database import engine
from collective.coserver.database.settings import get_settings
from collective.coserver.functions.eager import EagerCalls, eagerly
from collective.coserver.functions.task import Task
from collective.coserver.inline.runner import InlineRunner
from collective.coserver.testing.queued_jobs import QueuedJobs, record
from coserver_consumer import store
from coserver_consumer.model.job import Job, State
from coserver_consumer.store import manage


class InProcessConsumer:
    """Runs the jobs of Zope's queue in the thread that calls it."""

    def __init__(self, queued: QueuedJobs) -> None:
        self._runner = InlineRunner()
        self._queued = queued

    def run(self, *, scheduled: bool = False) -> list[Job]:
        """Commit, run what is ready and what that queues or lets go; return those jobs.

        Subscribers are told of jobs that have failed or were cancelled.

        With ``scheduled``, what is due later is run now: delayed jobs, and the next attempts of
        those that failed or snoozed. The jobs are returned as they are in the end, in the order in
        which they were begun.
        """
        transaction.commit()
        self._queued.forget()
        ran: dict[str, None] = {}
        self._run_ready(ran)
        while scheduled and self._hasten(but=ran):
            self._run_ready(ran)
        transaction.begin()
        return [queue.get(job_id) for job_id in ran]

    def waiting(self) -> list[Job]:
        """Return the jobs that are committed and haven't run yet, the oldest first."""
        return self._runner.waiting()

    def assert_queued(
        self,
        *,
        task: Task | str | None = None,
        path: Any = None,
        view: str | None = None,
        **options: Any,
    ) -> str:
        """Return the id of the job that was queued like this, the first if there are several.

        Jobs count that code in Zope has queued since the test began or since the last ``run``,
        committed or in the current transaction. ``task`` is a function with ``@task``, its dotted
        name, or the name of another task; ``path`` and ``view`` are what ``queue.add`` takes, and a
        path may leave its query out; ``options`` are those of ``queue.add``. Raises
        ``AssertionError``, which lists what was queued, and ``InvalidJob`` for what none can have.
        """
        return self._queued.require(task=task, path=path, view=view, **options)

    def assert_nothing_queued(self) -> None:
        """Raise ``AssertionError``, which lists what was queued, if any job counts as queued."""
        self._queued.require_none()

    def add_queue(self, name: str) -> None:
        """Make a queue known, as a consumer that serves it does."""
        engine.write(lambda connection: manage.add_queue(connection, name))

    def eagerly(self) -> AbstractContextManager[EagerCalls]:
        """Within the block ``delay`` calls the function at once, in the test's transaction.

        Nothing is queued, errors come through, and ``results`` of what the block is given has
        what was returned, by job id.
        """
        return eagerly()

    def _run_ready(self, ran: dict[str, None]) -> None:
        """Run jobs until none is ready, and note which; then tell how jobs have ended.

        Subscribers may queue jobs.
        """
        while True:
            while ended := self._runner.run_next():
                ran[ended.job.id] = None
            if not self._runner.tell_events():
                return

    def _hasten(self, *, but: Collection[str]) -> bool:
        """Make scheduled jobs ready, but for these; return False if there were none."""
        due = [
            job.id for job in self.waiting() if job.state is State.SCHEDULED and job.id not in but
        ]
        for job_id in due:
            queue.retry(job_id)
        return bool(due)


@contextmanager
def open_queue(folder: Path) -> Iterator[InProcessConsumer]:
    """Give Zope an empty queue in a folder, and give back what the environment said before."""
    url = f"sqlite:///{folder / 'coserver.sqlite'}"
    said = {"COSERVER_DATABASE": url, "COSERVER_SECRET": token_hex(32)}
    with patch.dict(os.environ, said), _use_database(url), record() as queued:
        yield InProcessConsumer(queued)
        transaction.abort()
        engine.get_engine().dispose()


@contextmanager
def _use_database(url: str) -> Iterator[None]:
    """Make the tables, and let Zope use them for as long as the settings name this database."""
    made = store.open_engine(url)
    store.upgrade(made)
    made.dispose()
    get_settings.cache_clear()
    try:
        yield
    finally:
        get_settings.cache_clear()
