"""The plain values of a job: its states, its id, and the job as the store has it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import uuid_utils

from coserver_consumer.model.texts import make_line

MAX_COUNT = 2_000_000_000  # of anything that a row counts; the tables take no more
MAX_TASK_CHARS = 100  # of a task where a job is shown


class State(StrEnum):
    """Where a job is in its life.

    The first six are live (table ``coserver_job``), the others are history
    (``coserver_history``).
    """

    STAGED = "staged"  # the request that queued it hasn't finished
    SCHEDULED = "scheduled"  # due later
    READY = "ready"  # may be claimed
    BLOCKED = "blocked"  # waits for another job
    RUNNING = "running"  # a consumer holds its lease
    FINISHING = "finishing"  # its effect is being committed to the ZODB
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # no attempt had begun by its moment
    DROPPED = "dropped"  # its request never committed
    UNKNOWN = "unknown"  # the evidence is gone: an operator decides

    @property
    def is_live(self) -> bool:
        """True while something may still happen to the job by itself."""
        return self in LIVE


LIVE = frozenset(
    {
        State.STAGED,
        State.SCHEDULED,
        State.READY,
        State.BLOCKED,
        State.RUNNING,
        State.FINISHING,
    }
)


class RunKey(NamedTuple):
    """What an ending must bear: the job and the fencing token of the attempt."""

    job_id: str
    run: int


_new = tuple.__new__  # asked for several times for each job, in half the time of a call of RunKey


def new_id() -> str:
    """Return a new UUIDv7 as text: unique, and ordered by the time it was made."""
    return str(uuid_utils.uuid7())


def is_id(text: Any) -> bool:
    """Return True if this can be the id of a job."""
    if not isinstance(text, str):
        return False
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def read_id(text: Any) -> str | None:
    """Return a job's id as the tables have it, in lower case; None for what can't be one."""
    return text.lower() if is_id(text) else None


class Job(NamedTuple):
    """A job as the store has it. Times are microseconds since the epoch, by the database's clock.

    One is made of each claimed row: as a dataclass that takes as long as all else that the claimer
    does for a job.
    """

    id: str  # a UUIDv7 in lower case, with hyphens
    queue: str
    state: State
    priority: int  # minutes of head start
    run_at: int  # not before this time
    run: int  # the fencing token: how often it was handed out
    attempt: int  # which one it is, or was; the first is 1, and 0 before it
    max_attempts: int | None  # None: as many as its task says, or 5
    rescues: int  # how often its consumer died
    task: str
    args: Any  # JSON; any program writes rows, so only the executor knows that it is a mapping
    payload: bytes | None
    owner: str | None  # a Plone user's id
    site: str | None  # the physical path of a Plone site
    origin: Any  # JSON: what of the queuing request is restored for it
    title: str | None  # what people read; without one they read the task
    unique_key: str | None
    unique_for: float | None  # seconds after created_at; None: while it is live
    concurrency_key: str  # "" for none
    requires: tuple[str, ...]  # what its consumer must be capable of
    signature: str | None
    timeout: float | None  # seconds that an attempt may take
    consumer: str | None  # the UUID of the one that runs it
    created_at: int
    started_at: int | None  # of the latest attempt
    deadline_at: int | None  # when the attempt is to be over
    cancel_at: int | None  # when a running one was asked to stop
    expires_at: int | None  # not begun by then, it expires; None too once it comes back begun
    progress: float | None  # from 0 to 1
    progress_text: str | None
    batch: str | None  # the UUID of the transaction that queued it
    evidence: Any  # JSON: how to find that transaction in the ZODB
    tid: int | None  # the ZODB's id of that transaction
    waits_for: int  # how many jobs it still waits for
    failed_parents: int  # how many of those that it waited for have failed
    only_if_failed: bool  # it is cancelled unless one of them has failed
    is_parent: bool  # others wait for it, or did
    # Only history rows have these.
    ended_at: int | None = None
    result: Any = None  # JSON
    error: str | None = None

    @property
    def key(self) -> RunKey:
        """The job and its current run."""
        return _new(RunKey, (self.id, self.run))

    @property
    def name(self) -> str:
        """What a person reads, as one line: the title, or the task."""
        return make_line(self.title or self.task)

    def with_attempts(self, number: int) -> Job:
        """Return the job with this ``max_attempts``, in half the time that ``_replace`` takes."""
        return _new(Job, (*self[:_MAX_ATTEMPTS], number, *self[_MAX_ATTEMPTS + 1 :]))

    def __repr__(self) -> str:
        """Name the job; what it holds is nobody's who reads a log or a traceback."""
        return f"<Job {self.id} {self.state}: {make_line(str(self.task), MAX_TASK_CHARS)}>"


_MAX_ATTEMPTS = Job._fields.index("max_attempts")
