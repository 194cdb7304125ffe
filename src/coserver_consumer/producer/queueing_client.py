"""The half of ``Client`` by which programs queue jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, Unpack

from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection

from coserver_consumer import store
from coserver_consumer.model import workflow
from coserver_consumer.model.errors import ClientClosed, ConfigurationError
from coserver_consumer.model.job import MAX_COUNT
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions, refuse_moot
from coserver_consumer.model.value_types import WholeNumber
from coserver_consumer.producer import transactions
from coserver_consumer.producer.keyed import sign_if_in_zope
from coserver_consumer.producer.keywords import (
    ClientOptions,
    make_job,
    read_arguments,
    read_keywords,
)
from coserver_consumer.producer.known_queues import KnownQueues
from coserver_consumer.producer.notifier import find_notifier, notify_of
from coserver_consumer.protocol.key import Key
from coserver_consumer.store import enqueue

YourConnection = Connection | DBAPIConnection


MAX_PAYLOAD = WholeNumber(least=1, most=MAX_COUNT)


class QueueingClient:
    """Queues jobs in a database; what ``Client`` is told when it is made is said there."""

    def __init__(
        self,
        database: str | Engine,
        *,
        max_payload: int = enqueue.MAX_PAYLOAD_BYTES,
        key: str | None = None,
    ) -> None:
        self._key = None if key is None else Key.read(key)
        self._owns_engine = isinstance(database, str)
        self._found_engine = _find_engine(database)
        self._is_closed = False
        self._max_payload = MAX_PAYLOAD.read("max_payload", max_payload)
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

    @property
    def _engine(self) -> Engine:
        if self._is_closed:
            raise ClientClosed("This client was closed: make another one, or close it later.")
        return self._found_engine

    def close(self) -> None:
        """Close the connections that this client opened; a second time nothing is done.

        A client that was made with a URL can't be used afterwards: it raises ``ClientClosed``, and
        opens no connection that nobody would close. With an engine of yours, which stays open, it
        goes on.
        """
        find_notifier(self._found_engine).flush()
        if self._owns_engine:
            self._is_closed = True
            self._found_engine.dispose()

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
        queued and that one's id is returned. Raises ``InvalidJob``, ``UnknownQueue``,
        ``StoreUnavailable``, and ``InvalidKey`` once the client's key has expired.
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
        refuse_moot(made[0])
        new = [self._make_job(task, each, *made) for each in read_arguments(args)]
        return self.add_jobs(new, connection)

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
        new, engine = workflow.read_jobs(jobs), self._engine
        if connection is not None and not isinstance(connection, Connection):
            with store.borrow(engine, connection) as inside:
                return self.add_jobs(new, inside)
        every = workflow.with_follow_ups(new)
        self._known_queues.require({job.queue for job in every}, connection)

        def work(connection: Connection) -> list[str]:
            ids = enqueue.add_many(connection, every, max_payload=self._max_payload)
            made = {job.id: made_id for job, made_id in zip(every, ids, strict=True)}
            return [made[job.id] for job in new]

        if connection is not None:
            return work(connection)
        ids = transactions.write(engine, work, in_one=enqueue.is_one_statement(every))
        notify_of(engine, every)
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

        A member whose unique key another live job holds has that one's id. Raises as ``add`` does.
        """
        made = workflow.group(jobs, on_success=on_success, on_failure=on_failure, serial=serial)
        return made.added_as(self.add_jobs(made.jobs, connection))


def _find_engine(database: Any) -> Engine:
    """Return the engine of a URL, or the one that is given; a value may hold a password."""
    if isinstance(database, str):
        return store.open_engine(database)
    if isinstance(database, Engine):
        return store.prepare(database)
    raise ConfigurationError(
        f"database is of type {type(database).__qualname__}, wanted a URL as text, such as "
        "postgresql://queue@db/queue, or an SQLAlchemy engine."
    )
