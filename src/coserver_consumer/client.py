"""The door for programs that aren't Plone: queue jobs, look at them, change them, wait for them.

client = Client("postgresql://queue@db/queue")
job_id = client.add("mail.send", {"to": "a@example.com"})
client.wait(job_id, timeout=60).result
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, TypeVar, Unpack

from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.model.errors import NotDone
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import WAITING
from coserver_consumer.model.options import PRIORITY, read_by, read_flag, read_wait
from coserver_consumer.model.value_types import Span
from coserver_consumer.model.workflow import Group
from coserver_consumer.producer import transactions
from coserver_consumer.producer.bulk import (
    Act,
    Changes,
    change_all,
    make_act,
    notify_of_moved,
    sum_up,
)
from coserver_consumer.producer.filters import (
    JobFilter,
    ManyFilter,
    count_jobs,
    find_page,
    read_many,
)
from coserver_consumer.producer.notifier import find_notifier
from coserver_consumer.producer.queueing_client import QueueingClient, YourConnection
from coserver_consumer.producer.result import find_result
from coserver_consumer.producer.waiting import read_ids, wait_many
from coserver_consumer.store import manage

T = TypeVar("T")


class Client(QueueingClient):
    """A queue database. Each call is a transaction of its own, or part of yours.

    ``database`` is a URL, or an SQLAlchemy engine of yours; an engine made here is closed by
    ``close`` or at the end of a ``with``, after which the client raises ``ClientClosed``. A
    ``connection`` of yours is SQLAlchemy's, or one of the driver: psycopg, sqlite3, PyMySQL. It is
    neither committed nor closed here.

    A database that can't be reached, or refuses what it is asked now, is a ``StoreUnavailable``,
    whose ``__cause__`` is SQLAlchemy's error. On a connection of yours, whose transaction is yours
    to end, all errors come as SQLAlchemy raises them.

    ``max_payload`` is how many bytes arguments and payload of a job may have together.
    ``key`` is the word that ``coserver keys add`` has written: with it jobs of the tasks ``call``
    and ``view`` run as the key's user, if the key allows them. Raises ``InvalidKey``.
    """

    def get(self, job_id: str, *, connection: YourConnection | None = None) -> Job:
        """Return a job as it is now, live or ended; raise ``JobNotFound``."""
        return self._read(lambda inside: manage.get(inside, job_id), connection)

    def find(
        self,
        *,
        limit: int = 50,
        before: str | None = None,
        connection: YourConnection | None = None,
        **wanted: Unpack[JobFilter],
    ) -> list[Job]:
        """Return up to ``limit`` jobs, live and ended, the newest first.

        ``wanted`` is a ``JobFilter``; ``before`` is the id of the last job of the page before,
        which may have been pruned meanwhile. Raises ``InvalidJob`` for a filter that is wrong.
        """
        return self._read(
            lambda inside: find_page(inside, wanted, limit=limit, before=before), connection
        )

    def count(
        self, *, connection: YourConnection | None = None, **wanted: Unpack[JobFilter]
    ) -> int:
        """Return how many jobs there are, live and ended; ``wanted`` is a ``JobFilter``."""
        return self._read(lambda inside: count_jobs(inside, wanted), connection)

    def cancel(
        self,
        job_id: str,
        *,
        by: str | None = None,
        kill: bool = False,
        connection: YourConnection | None = None,
    ) -> State:
        """Cancel a job; return CANCELLED, or RUNNING if its consumer was asked to stop it.

        ``by`` says who wanted it, in up to 190 characters; ``kill``: a running job that doesn't
        heed it is ended with its process. Raises ``InvalidJob``, ``JobNotFound``, and
        ``WrongState`` for one that ended.
        """
        return self._write(
            lambda inside: manage.cancel(inside, job_id, by=by, kill=kill), connection
        )

    def cancel_many(
        self, *, by: str | None = None, kill: bool = False, **wanted: Unpack[ManyFilter]
    ) -> Changes:
        """Cancel the jobs that ``wanted`` lets through, by default of those that wait or run.

        Those with the ``ids`` that it names are tried in any state. They are changed page by page,
        each page in a transaction of its own. Returns how many were
        changed, and which weren't, with the reasons. Raises ``InvalidJob``, before any is changed,
        for what is wrong, and for no filter without ``all=True``.
        """
        by, kill = read_by(by), read_flag("kill", kill)
        return self._change_many(
            make_act(manage.cancel, manage.cancel_many, by=by, kill=kill),
            wanted,
            {*WAITING, State.RUNNING},
        )

    def retry(
        self, job_id: str, *, by: str | None = None, connection: YourConnection | None = None
    ) -> None:
        """Run an ended job again, or a scheduled one now; raise ``JobNotFound``, ``WrongState``."""
        self._write(lambda inside: manage.retry(inside, job_id, by=by), connection)

    def retry_many(self, *, by: str | None = None, **wanted: Unpack[ManyFilter]) -> Changes:
        """Run jobs again, by default of those that have failed; see ``cancel_many``."""
        by = read_by(by)
        return self._change_many(
            make_act(manage.retry, manage.retry_many, by=by), wanted, {State.FAILED}
        )

    def set_priority(
        self,
        job_id: str,
        priority: int,
        *,
        by: str | None = None,
        connection: YourConnection | None = None,
    ) -> None:
        """Give a waiting job another priority.

        Raises ``InvalidJob``, ``JobNotFound``, and ``WrongState`` for a job that doesn't wait.
        """
        self._write(lambda inside: manage.set_priority(inside, job_id, priority, by=by), connection)

    def set_priority_many(
        self, priority: int, *, by: str | None = None, **wanted: Unpack[ManyFilter]
    ) -> Changes:
        """Give jobs another priority, by default of all that wait; see ``cancel_many``."""
        number, by = PRIORITY.read("priority", priority), read_by(by)
        return self._change_many(
            make_act(manage.set_priority, manage.set_priority_many, priority=number, by=by),
            wanted,
            WAITING,
        )

    def move(
        self,
        job_id: str,
        queue: str,
        *,
        by: str | None = None,
        connection: YourConnection | None = None,
    ) -> None:
        """Move a waiting job to another queue.

        Raises ``UnknownQueue``, ``JobNotFound``, and ``WrongState`` for a job that doesn't wait or
        that is signed for its queue: one that runs as a Plone user.
        """
        state = self._write(lambda inside: manage.move(inside, job_id, queue, by=by), connection)
        if state is State.READY and connection is None:
            find_notifier(self._engine).notify([queue])

    def move_many(
        self, queue: str, *, by: str | None = None, **wanted: Unpack[ManyFilter]
    ) -> Changes:
        """Move jobs to a queue, by default of all that wait; see ``cancel_many``.

        Raises ``UnknownQueue``.
        """
        by = read_by(by)
        self._read(lambda inside: manage.require_queue(inside, queue))
        return self._change_many(
            make_act(manage.move, manage.move_many, queue=queue, by=by),
            wanted,
            WAITING,
            moved_to=queue,
        )

    def wait(self, job_id: str, timeout: Span | None = None) -> Job:
        """Return the job once it has ended.

        Raises ``TimeoutError`` after ``timeout``, seconds or a ``timedelta`` (None: never), and
        ``JobNotFound``.
        """
        (job,) = wait_many(self._read, [job_id], read_wait(timeout))
        return job

    def wait_many(self, jobs: Group | Iterable[str], timeout: Span | None = None) -> list[Job]:
        """Return the members of a group, or the jobs with these ids, once all have ended.

        They come in the order given. Raises as ``wait`` does; the ``TimeoutError`` says how many
        are left.
        """
        return wait_many(self._read, read_ids(jobs), read_wait(timeout))

    def result(self, job_id: str, timeout: Span | None = 0) -> Any:
        """Return what the job has come to, JSON, waiting up to ``timeout`` for its end.

        Raises ``JobNotFound``, and ``NoResult``: ``NotDone``, ``DidNotComplete``, or itself if the
        result was too large to be kept.
        """
        try:
            return find_result(self.wait(job_id, timeout))
        except TimeoutError as error:
            raise NotDone(str(error)) from error

    def run_until_empty(
        self,
        *,
        queues: str | Iterable[str] | None = None,
        tasks: str | Iterable[str] | None = None,
        scheduled: bool = False,
        timeout: Span | None = None,
        max_attempts: int | None = None,
        config: Path | None = None,
    ) -> dict[State, int]:
        """Run jobs in this thread, one after another, until none is ready that could begin.

        By default those of all ``queues``, and of all ``tasks`` that are installed here and don't
        run in Zope. With ``scheduled`` what is due later is waited for, too. No attempt begins once
        ``timeout`` seconds are over, or ``max_attempts`` were made. Settings are those of a
        consumer: from the environment, and from the file ``config``, by default ./coserver.toml.

        Returns how many of the jobs that were run are in which state now. Raises ``UnknownQueue``,
        ``UnknownTask``, ``InvalidJob``, ``ConfigurationError`` and ``StoreUnavailable``.
        """
        # They bring all that a consumer is made of, which who only queues jobs doesn't need.
        from coserver_consumer.inline.local import run_here
        from coserver_consumer.inline.until_empty import read_bounds

        bounds = read_bounds(timeout=timeout, max_attempts=max_attempts, scheduled=scheduled)
        return run_here(self._engine, config, bounds, queues=queues, tasks=tasks)

    def _change_many(
        self,
        act: Act,
        said: ManyFilter,
        states: Collection[State],
        *,
        moved_to: str | None = None,
    ) -> Changes:
        wanted = self._read(lambda inside: read_many(inside, said, states))
        done = change_all(self._engine, wanted, act)
        return sum_up(done if moved_to is None else notify_of_moved(self._engine, done, moved_to))

    def _read(self, work: Callable[[Connection], T], connection: YourConnection | None = None) -> T:
        if connection is None:
            return transactions.read(self._engine, work)
        return self._write(work, connection)

    def _write(self, work: Callable[[Connection], T], connection: YourConnection | None) -> T:
        engine = self._engine
        if connection is None:
            return transactions.write(engine, work)
        if isinstance(connection, Connection):
            return work(connection)
        with store.borrow(engine, connection) as inside:
            return work(inside)
