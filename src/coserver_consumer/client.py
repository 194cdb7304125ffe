"""The door for programs that aren't Plone: queue jobs, look at them, wait for them.

client = Client("postgresql://queue@db/queue")
job_id = client.add("mail.send", {"to": "a@example.com"})
client.wait(job_id, timeout=60).result
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar, Unpack

from sqlalchemy import Connection, Engine

from coserver_consumer import store
from coserver_consumer.errors import InvalidJob, UnknownQueue
from coserver_consumer.job import Job, NewJob, State

T = TypeVar("T")

FIRST_LOOK = 0.05  # seconds between the first looks of wait; doubled up to the last
LAST_LOOK = 1.0


class JobOptions(TypedDict, total=False):
    """What may be said about a job beside task and arguments.

    ``delay`` is in seconds; ``eta`` is a moment with a time zone and wins over it. ``timeout`` is
    in seconds. ``unique``: while a job with this key is live, adding another returns its id.
    """

    queue: str
    priority: int
    delay: float
    eta: datetime | None
    max_attempts: int
    timeout: float | None
    payload: bytes | None
    title: str | None
    unique: str | None
    requires: Iterable[str]


class Client:
    """A queue database. Each call is a transaction of its own, or part of yours.

    ``database`` is a URL, or an SQLAlchemy engine of yours; an engine made here is closed by
    ``close`` or at the end of a ``with``.
    """

    def __init__(self, database: str | Engine, *, max_payload: int = store.MAX_PAYLOAD) -> None:
        self._owns_engine = isinstance(database, str)
        self._engine = (
            store.open_engine(database) if isinstance(database, str) else store.prepare(database)
        )
        self._max_payload = max_payload

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that this client opened."""
        if self._owns_engine:
            self._engine.dispose()

    def add(
        self,
        task: str,
        args: Mapping[str, Any] | None = None,
        *,
        connection: Connection | None = None,
        **options: Unpack[JobOptions],
    ) -> str:
        """Queue a job and return its id; see ``JobOptions``.

        With ``connection`` the job is part of your transaction: it exists once you commit. Raises
        ``UnknownQueue`` and ``InvalidJob``.
        """
        return self.add_many(task, [args or {}], connection=connection, **options)[0]

    def add_many(
        self,
        task: str,
        args: Iterable[Mapping[str, Any]],
        *,
        connection: Connection | None = None,
        **options: Unpack[JobOptions],
    ) -> list[str]:
        """Queue a job for each of ``args``, alike but for these; return their ids in that order."""
        jobs = [make_job(task, each, options) for each in args]

        def work(connection: Connection) -> list[str]:
            for name in {job.queue for job in jobs}:
                check_queue(connection, name)
            return store.add_many(connection, jobs, max_payload=self._max_payload)

        return self._write(work, connection)

    def get(self, job_id: str, *, connection: Connection | None = None) -> Job:
        """Return a job as it is now, live or ended; raise ``JobNotFound``."""
        if connection is not None:
            return store.get(connection, job_id)
        return store.read(self._engine, lambda connection: store.get(connection, job_id))

    def cancel(
        self,
        job_id: str,
        *,
        by: str | None = None,
        kill: bool = False,
        connection: Connection | None = None,
    ) -> State:
        """Cancel a job; return CANCELLED, or RUNNING if its consumer was asked to stop it.

        ``by`` says who wanted it; ``kill``: a running job that doesn't heed it is ended with its
        process. Raises ``JobNotFound``, and ``WrongState`` for one that ended.
        """
        return self._write(
            lambda inside: store.cancel(inside, job_id, by=by, kill=kill), connection
        )

    def retry(
        self, job_id: str, *, by: str | None = None, connection: Connection | None = None
    ) -> None:
        """Run an ended job again, or a scheduled one now; raise ``JobNotFound``, ``WrongState``."""
        self._write(lambda inside: store.retry(inside, job_id, by=by), connection)

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """Return the job once it has ended; raise ``TimeoutError`` after ``timeout`` seconds."""
        end = time.monotonic() + timeout if timeout is not None else None
        pause = FIRST_LOOK
        while (job := self.get(job_id)).state.is_live:
            left = end - time.monotonic() if end is not None else pause
            if left <= 0:
                raise TimeoutError(f"Job {job_id} is still {job.state} after {timeout:g} s.")
            time.sleep(min(pause, left))
            pause = min(pause * 2, LAST_LOOK)
        return job

    def _write(self, work: Callable[[Connection], T], connection: Connection | None) -> T:
        return work(connection) if connection is not None else store.write(self._engine, work)


def make_job(task: str, args: Mapping[str, Any], options: JobOptions) -> NewJob:
    """Return the job that these options describe."""
    unknown = set(options) - set(JobOptions.__annotations__)
    if unknown:
        known = ", ".join(JobOptions.__annotations__)
        raise InvalidJob(f"No option is called '{min(unknown)}'; known are: {known}.")
    said: dict[str, Any] = dict(options)
    eta, unique = said.pop("eta", None), said.pop("unique", None)
    requires = tuple(said.pop("requires", ()))
    return NewJob(
        task=task,
        args=dict(args),
        run_at=_to_microseconds(eta) if eta is not None else None,
        unique_key=unique,
        requires=requires,
        **said,
    )


def check_queue(connection: Connection, name: str) -> None:
    """Raise ``UnknownQueue`` unless somebody has made the queue known."""
    known = store.queues(connection)
    if name not in known:
        raise UnknownQueue(
            f"No queue is called '{name}'; known are: {', '.join(known) or 'none'}. "
            f"Make it with `coserver queues add {name}`, or by starting a consumer that serves it."
        )


def _to_microseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise InvalidJob(f"The time {moment.isoformat()} has no time zone.")
    return round(moment.timestamp() * store.SECOND)
