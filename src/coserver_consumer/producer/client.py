"""The door for programs that aren't Plone: queue jobs, look at them, wait for them.

client = Client("postgresql://queue@db/queue")
job_id = client.add("mail.send", {"to": "a@example.com"})
client.wait(job_id, timeout=60).result
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection

from coserver_consumer import store
from coserver_consumer.model import workflow
from coserver_consumer.model.errors import NotDone
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.producer.keyed import sign_if_in_zope
from coserver_consumer.producer.keywords import ClientOptions, make_job, read_keywords
from coserver_consumer.producer.known_queues import KnownQueues
from coserver_consumer.producer.notifier import find_notifier, notify_of
from coserver_consumer.producer.result import find_result
from coserver_consumer.protocol.key import Key
from coserver_consumer.store import enqueue, manage

T = TypeVar("T")
YourConnection = Connection | DBAPIConnection

FIRST_POLL_S = 0.05  # the first pause of wait; the pauses double up to the last
LAST_POLL_S = 1.0


class Client:
    """A queue database. Each call is a transaction of its own, or part of yours.

    ``database`` is a URL, or an SQLAlchemy engine of yours; an engine made here is closed by
    ``close`` or at the end of a ``with``. A ``connection`` of yours is SQLAlchemy's, or one of the
    driver: psycopg, sqlite3, PyMySQL. It is neither committed nor closed here. What a database
    says, as that it can't be reached, comes as SQLAlchemy's ``DBAPIError``.

    ``max_payload`` is how many bytes arguments and payload of a job may have together.
    ``key`` is the word that ``coserver keys add`` has written: with it jobs of the tasks ``call``
    and ``view`` run as the key's user, if the key allows them. Raises ``InvalidKey``.
    """

    def __init__(
        self,
        database: str | Engine,
        *,
        max_payload: int = enqueue.MAX_PAYLOAD_BYTES,
        key: str | None = None,
    ) -> None:
        self._key = None if key is None else Key.read(key)
        self._owns_engine = isinstance(database, str)
        self._engine = (
            store.open_engine(database) if isinstance(database, str) else store.prepare(database)
        )
        self._max_payload = max_payload
        self._known_queues = KnownQueues(self._engine)

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
        find_notifier(self._engine).flush()
        if self._owns_engine:
            self._engine.dispose()

    def add(
        self,
        task: str,
        args: Mapping[str, Any] | None = None,
        *,
        connection: YourConnection | None = None,
        **options: Unpack[ClientOptions],
    ) -> str:
        """Queue a job of the task and return its id, a UUID as text.

        ``args`` are JSON, what the task is called with; ``options`` are those of ``JobOptions``,
        and ``payload``, bytes beside the arguments. With ``connection`` the job is part of your
        transaction: it exists once you commit. If another live job has its unique key, nothing is
        queued and that one's id is returned. Raises ``InvalidJob`` and ``UnknownQueue``.
        """
        return self.add_many(task, [args or {}], connection=connection, **options)[0]

    def add_many(
        self,
        task: str,
        args: Iterable[Mapping[str, Any]],
        *,
        connection: YourConnection | None = None,
        **options: Unpack[ClientOptions],
    ) -> list[str]:
        """Queue a job for each of ``args``, alike but for these; return their ids in that order.

        All or none are queued. Raises as ``add`` does.
        """
        made = read_keywords(options)
        return self.add_jobs([self._make_job(task, each, *made) for each in args], connection)

    def job(
        self, task: str, args: Mapping[str, Any] | None = None, **options: Unpack[ClientOptions]
    ) -> NewJob:
        """Return a job that isn't queued yet, for ``add_jobs``, ``chain`` and ``group``.

        Its ``id`` is known already. Raises ``InvalidJob``.
        """
        return self._make_job(task, args or {}, *read_keywords(options))

    def _make_job(
        self, task: str, args: Mapping[str, Any], options: JobOptions, payload: bytes | None
    ) -> NewJob:
        job = make_job(task, args, options, payload)
        return job if self._key is None else sign_if_in_zope(job, self._key)

    def add_jobs(
        self, jobs: Iterable[NewJob], connection: YourConnection | None = None
    ) -> list[str]:
        """Queue jobs, all or none; return their ids in that order. Raises as ``add`` does."""
        new = workflow.read_jobs(jobs)
        if connection is not None and not isinstance(connection, Connection):
            with store.borrow(self._engine, connection) as inside:
                return self.add_jobs(new, inside)
        every = workflow.with_follow_ups(new)
        self._known_queues.require({job.queue for job in every}, connection)

        def work(connection: Connection) -> list[str]:
            ids = enqueue.add_many(connection, every, max_payload=self._max_payload)
            made = {job.id: made_id for job, made_id in zip(every, ids, strict=True)}
            return [made[job.id] for job in new]

        if connection is not None:
            return work(connection)
        ids = store.write(self._engine, work, in_one=enqueue.is_one_statement(every))
        notify_of(self._engine, every)
        return ids

    def chain(
        self,
        jobs: Iterable[NewJob],
        *,
        accepts_failure: bool = False,
        connection: YourConnection | None = None,
    ) -> list[str]:
        """Queue jobs that run one after another; return their ids.

        A failed one blocks those behind it until it was run again and completed, or, with
        ``accepts_failure``, they go on. Raises as ``add`` does.
        """
        return self.add_jobs(workflow.chain(jobs, accepts_failure=accepts_failure), connection)

    def group(
        self,
        jobs: Iterable[NewJob],
        *,
        on_success: NewJob | None = None,
        on_failure: NewJob | None = None,
        serial: bool = False,
        connection: YourConnection | None = None,
    ) -> workflow.Group:
        """Queue jobs with what follows all of them, and return them; see ``workflow.group``.

        Raises as ``add`` does.
        """
        made = workflow.group(jobs, on_success=on_success, on_failure=on_failure, serial=serial)
        self.add_jobs(made.jobs, connection)
        return made

    def get(self, job_id: str, *, connection: YourConnection | None = None) -> Job:
        """Return a job as it is now, live or ended; raise ``JobNotFound``."""
        if connection is not None:
            return self._write(lambda inside: manage.get(inside, job_id), connection)
        return store.read(self._engine, lambda inside: manage.get(inside, job_id))

    def cancel(
        self,
        job_id: str,
        *,
        by: str | None = None,
        kill: bool = False,
        connection: YourConnection | None = None,
    ) -> State:
        """Cancel a job; return CANCELLED, or RUNNING if its consumer was asked to stop it.

        ``by`` says who wanted it; ``kill``: a running job that doesn't heed it is ended with its
        process. Raises ``JobNotFound``, and ``WrongState`` for one that ended.
        """
        return self._write(
            lambda inside: manage.cancel(inside, job_id, by=by, kill=kill), connection
        )

    def retry(
        self, job_id: str, *, by: str | None = None, connection: YourConnection | None = None
    ) -> None:
        """Run an ended job again, or a scheduled one now; raise ``JobNotFound``, ``WrongState``."""
        self._write(lambda inside: manage.retry(inside, job_id, by=by), connection)

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """Return the job once it has ended.

        Raises ``TimeoutError`` after ``timeout`` seconds (None: never), and ``JobNotFound``.
        """
        end = time.monotonic() + timeout if timeout is not None else None
        pause = FIRST_POLL_S
        while (job := self.get(job_id)).state.is_live:
            left = end - time.monotonic() if end is not None else pause
            if left <= 0:
                raise TimeoutError(f"Job {job_id} is still {job.state} after {timeout:g} s.")
            time.sleep(min(pause, left))
            pause = min(pause * 2, LAST_POLL_S)
        return job

    def result(self, job_id: str, timeout: float = 0) -> Any:
        """Return what the job has come to, JSON, waiting up to ``timeout`` seconds for its end.

        Raises ``JobNotFound``, and ``NoResult``: ``NotDone``, ``DidNotComplete``, or itself if the
        result was too large to be kept.
        """
        try:
            return find_result(self.wait(job_id, timeout))
        except TimeoutError as error:
            raise NotDone(str(error)) from error

    def _write(self, work: Callable[[Connection], T], connection: YourConnection | None) -> T:
        if connection is None:
            return store.write(self._engine, work)
        if isinstance(connection, Connection):
            return work(connection)
        with store.borrow(self._engine, connection) as inside:
            return work(inside)
