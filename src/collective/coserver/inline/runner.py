"""Runs the jobs of Zope's queue in the thread that calls it, one after another."""

from __future__ import annotations

import time
from collections.abc import Collection

from sqlalchemy import Connection

from collective.coserver.database import engine
from collective.coserver.database.settings import get_settings
from collective.coserver.inline.tasks import TASKS
from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.job import Job, State, new_id
from coserver_consumer.model.lifecycle import WAITING, Ending
from coserver_consumer.store import claim, finish, manage
from coserver_consumer.tasks.registry import Registry
from coserver_consumer.worker.executor import Executor
from coserver_consumer.worker.keys import Keys
from coserver_consumer.worker.run import EndedRun

MAX_WAITING = 1000  # jobs that are looked at, for what they require


class InlineRunner:
    """Claims jobs and runs them through Zope's publisher, as a consumer's thread does."""

    def __init__(self) -> None:
        self._id = new_id()
        self._executor = Executor(
            registry=Registry(tasks=TASKS), settings=get_settings(), keys=Keys(engine)
        )

    def waiting(self) -> list[Job]:
        """Return the jobs that are committed and haven't run yet, the oldest first."""
        found = engine.read(
            lambda connection: manage.find(connection, states=WAITING, limit=MAX_WAITING)
        )
        return found[::-1]

    def find_foreign(self, *, but: Collection[str] = ()) -> set[str]:
        """Return the tasks of ready jobs, but of these queues, that Zope doesn't run."""
        ready = [job for job in self.waiting() if job.state is State.READY]
        return {job.task for job in ready if job.queue not in but and job.task not in TASKS}

    def run_next(self, *, but: Collection[str] = ()) -> EndedRun | None:
        """Run the next job, but of these queues; return as what it has ended in the store.

        None if none is ready. It is run whatever it requires of a consumer.
        """
        job = self._claim(but)
        return None if job is None else self._attempt(job)

    def _claim(self, but: Collection[str]) -> Job | None:
        capabilities = {name for job in self.waiting() for name in job.requires}

        def work(connection: Connection) -> list[Job]:
            finish.expire_overdue(connection)
            return claim.claim(
                connection,
                consumer=self._id,
                queues=[name for name in manage.queues(connection) if name not in but],
                tasks=list(TASKS),
                limit=1,
                capabilities=sorted(capabilities),
            )

        return next(iter(engine.write(work)), None)

    def _attempt(self, job: Job) -> EndedRun:
        """Run it and write how that ended, unless its own commit was its end."""
        begun = time.monotonic()
        current = CurrentJob(job=job, report=_ignore, is_cancelled=lambda: False)
        ending = self._executor.attempt(current)
        written = engine.write(lambda connection: _write(connection, ending))
        return EndedRun(job, written, time.monotonic() - begun)


def _write(connection: Connection, ending: Ending) -> Ending:
    """Write how an attempt ended; return it with what has become of the job.

    Somebody may have cancelled it meanwhile, which goes before a further attempt.
    """
    written = finish.end_attempts(connection, [ending]).get(ending.key)
    return written or ending._replace(state=manage.get(connection, ending.key.job_id).state)


def _ignore(fraction: float, text: str | None) -> None:
    """Take no report: what runs in Zope writes its progress itself."""
