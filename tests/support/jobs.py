"""The queue as a test sees it: jobs by their id, until they have ended."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.errors import JobNotFound
from coserver_consumer.model.job import Job, State
from coserver_consumer.store import manage
from support.waiting import PATIENCE, wait_for


class Jobs:
    """Reads one database; every look is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def add_queue(self, name: str) -> None:
        """Make sure that jobs may be added to the queue."""
        store.write(self.engine, lambda connection: manage.add_queue(connection, name))

    def get(self, job_id: str) -> Job:
        """Return the job, live or ended."""
        return store.read(self.engine, lambda connection: manage.get(connection, job_id))

    def exists(self, job_id: str) -> bool:
        """True if the store knows the job in whatever state."""
        try:
            self.get(job_id)
        except JobNotFound:
            return False
        return True

    def titled(self, text: str) -> list[Job]:
        """Return the jobs, live or ended, with ``text`` in what describes them."""
        return store.read(
            self.engine, lambda connection: manage.find(connection, text=text, limit=1000)
        )

    def now(self) -> int:
        """Return the database's time, in microseconds since the epoch."""
        return store.read(self.engine, manage.now)

    def count_live(self, queue: str = "default") -> int:
        """Return how many jobs of the queue something may still happen to."""
        counts = store.read(self.engine, manage.counts).get(queue, {})
        return sum(number for state, number in counts.items() if State(state).is_live)

    def count_errors(self, job_id: str) -> int:
        """Return how many attempts of the job have failed."""
        return len(self.failures(job_id))

    def failures(self, job_id: str) -> list[manage.AttemptError]:
        """Return what went wrong in the attempts of the job."""
        return store.read(self.engine, lambda connection: manage.attempts(connection, job_id))

    def consumers(self) -> list[manage.Consumer]:
        """Return the consumers as the store knows them."""
        return store.read(self.engine, manage.consumers)

    def lines(self, job_id: str) -> list[str]:
        """Return what the job logged."""
        lines = store.read(self.engine, lambda connection: manage.lines(connection, job_id))
        return [line.text for line in lines]

    def wait_running(self, job_id: str, *, within: float = PATIENCE) -> Job:
        """Return the job as soon as a consumer runs it."""
        return wait_for(
            lambda: self._in_state(job_id, State.RUNNING),
            what=f"job {job_id} to run",
            within=within,
        )

    def wait_ended(self, job_id: str, *, within: float = PATIENCE) -> Job:
        """Return the job as soon as it is history."""
        return wait_for(lambda: self._ended(job_id), what=f"job {job_id} to end", within=within)

    def wait_completed(self, job_id: str, *, within: float = PATIENCE) -> Job:
        """Return the job as soon as it is history; it must have been completed."""
        job = self.wait_ended(job_id, within=within)
        assert job.state == State.COMPLETED, f"{job.state}: {job.error}"
        return job

    def wait_idle(self, queue: str = "default", *, within: float = 2 * PATIENCE) -> None:
        """Return when no job of the queue is live."""
        wait_for(
            lambda: self.count_live(queue) == 0,
            what=f"queue {queue} to be empty",
            within=within,
        )

    def _in_state(self, job_id: str, state: State) -> Job | None:
        job = self.get(job_id)
        return job if job.state == state else None

    def _ended(self, job_id: str) -> Job | None:
        job = self.get(job_id)
        return None if job.state.is_live else job


def answer_of(job: Job) -> Any:
    """Return what the job's view answered, read as JSON."""
    return json.loads(job.result["body"])
