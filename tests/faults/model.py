"""What jobs and objects there must be, said so simply that it can't be wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.model.new_job import NewJob


@dataclass(slots=True)
class Pending:
    """What the current transaction has done: a savepoint remembers how long the lists were."""

    jobs: list[NewJob] = field(default_factory=list)
    hooked: list[NewJob] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)

    @property
    def changes_zodb(self) -> bool:
        """True if the ZODB takes part in the commit."""
        return bool(self.objects)


@dataclass(slots=True)
class Model:
    """What is committed: the states of jobs by id, and the names of objects."""

    states: dict[str, State] = field(default_factory=dict)
    objects: set[str] = field(default_factory=set)
    runs: dict[str, int] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)  # unique keys, by the jobs that hold them

    def commit(self, pending: Pending, ended: RunKey | None = None) -> None:
        """Let everything happen that the transaction has done; it may be the end of a job."""
        if ended is not None:
            self.states[ended.job_id] = State.COMPLETED
            self.keys.pop(ended.job_id, None)
        jobs = [*pending.jobs, *pending.hooked]
        if pending.changes_zodb:
            jobs.sort(key=lambda job: job.id)
        for job in jobs:
            self._queue(job)
        self.objects.update(pending.objects)

    def claim(self, key: RunKey) -> None:
        """Give a job to a consumer."""
        assert self.states[key.job_id] is State.READY
        self.states[key.job_id] = State.RUNNING
        self.runs[key.job_id] = key.run

    def take_back(self, job_id: str) -> None:
        """Give a running job back to its queue."""
        self.states[job_id] = State.READY

    def rescue(self) -> None:
        """Give back all running jobs."""
        for job_id, state in self.states.items():
            if state is State.RUNNING:
                self.take_back(job_id)

    def is_current(self, key: RunKey) -> bool:
        """Return True if the attempt may still end its job."""
        is_running = self.states[key.job_id] is State.RUNNING
        return is_running and self.runs[key.job_id] == key.run

    def _queue(self, job: NewJob) -> None:
        """Add a job; if its unique key is held it is cancelled."""
        if job.options.unique is not None and job.options.unique in self.keys.values():
            self.states[job.id] = State.CANCELLED
            return
        self.states[job.id] = State.READY
        if job.options.unique is not None:
            self.keys[job.id] = job.options.unique
