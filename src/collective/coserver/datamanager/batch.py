"""What one transaction writes to the store: the jobs it queues, and the job whose effect it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from transaction.interfaces import ITransaction, TransactionError
from ZODB.Connection import Connection as ZODBConnection

from collective.coserver.database.engine import get_engine, write
from collective.coserver.database.settings import get_settings
from collective.coserver.datamanager.draft import Draft, finalize
from collective.coserver.datamanager.effect import Effect
from collective.coserver.datamanager.listeners import tell_committed
from collective.coserver.evidence.mark import mark_transaction
from collective.coserver.evidence.zodb import find_connection, last_tid
from coserver_consumer import store
from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.indoubt import Mark, run_mark
from coserver_consumer.model.job import new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.producer.notifier import notify_of
from coserver_consumer.store import enqueue

T = TypeVar("T")


class Batch:
    """What ``First`` and ``Last`` share, from the beginning of a transaction to its end.

    ``jobs`` are in the order in which they were queued. ``effect`` is the attempt that this
    transaction is the work of, None if it is nobody's.
    """

    def __init__(self) -> None:
        self.id = new_id()
        self.jobs: list[NewJob] = []
        self._ids: set[str] = set()
        self.effect: Effect | None = None
        self.has_ended = False
        self._has_voted = False
        self._zodb: ZODBConnection | None = None
        self._sql: Connection | None = None
        self._evidence: dict[Mark, dict[str, Any]] = {}

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to write."""
        return not self.jobs and self.effect is None

    def add(self, jobs: Sequence[NewJob]) -> None:
        """Queue jobs, all or none; raise ``InvalidJob`` for one that would be queued twice."""
        times = Counter(job.id for job in jobs)
        for job in jobs:
            if times[job.id] > 1 or job.id in self._ids or _is_used(job):
                raise InvalidJob(_explain_twin(job))
        self.jobs += jobs
        self._ids.update(times)
        for job in jobs:
            if isinstance(job, Draft):
                job.ticket.is_used = partial(self._has, job.id)

    def shorten(self, length: int) -> None:
        """Drop the jobs behind the first ``length``."""
        del self.jobs[length:]
        self._ids = {job.id for job in self.jobs}

    def forget(self) -> None:
        """End the batch without its jobs."""
        self.shorten(0)
        self.effect = None
        self.has_ended = True

    def begin(self, current: ITransaction) -> None:
        """Mark the ZODB's transaction, and check out an SQL connection that was found alive.

        Nobody changes content any more, so jobs about content learn where it is.
        """
        self.jobs[:] = map(finalize, self.jobs)
        completes = self.effect is not None and self.effect.decide()
        self._zodb = find_connection(current)
        if self._zodb is not None:
            self._mark(current, self._zodb, completes=completes)
        engine = get_engine()
        with store.naming_outages(engine):
            self._sql = engine.connect().execution_options(**self._mode(engine))

    def vote(self) -> None:
        """Write all in one SQL transaction; an error is the whole transaction's.

        Nobody votes after us: without a ZODB to wait for, the transaction is committed by this.
        """
        self._has_voted = True
        if self._zodb is None:
            self._write(self._write_at_once)
            self._confirm()
        else:
            base = {"base_tid": last_tid(self._zodb)}
            evidence = {key: found | base for key, found in self._evidence.items()}
            self._write(lambda connection: self._stage(connection, evidence))

    def finish(self) -> None:
        """Let what was staged happen, now that the ZODB has committed."""
        if self._zodb is None:
            return
        tid = last_tid(self._zodb)
        if not self._write(lambda connection: self._release(connection, tid)):
            write(lambda connection: enqueue.promote(connection, self.id, tid=tid))
        self._confirm()

    def close(self) -> None:
        """Give the SQL connection back; a second call is nothing."""
        if self._sql is not None:
            self._sql.close()
            self._sql = None

    def notify_consumers(self) -> None:
        """Notify idle consumers, from another thread, that there are jobs."""
        if self.jobs:
            notify_of(get_engine(), self.jobs)
            tell_committed(self.jobs)

    def _has(self, job_id: str) -> bool:
        """Return True if the job is queued here, or may be: an answer of the store can be lost."""
        return self._has_voted or any(job.id == job_id for job in self.jobs)

    def _mark(self, current: ITransaction, connection: ZODBConnection, *, completes: bool) -> None:
        """Mark what the transaction is: an attempt only if it completes its job.

        A view that sets an error status is committed as well, and its job is tried again.
        """
        if self.jobs:
            self._evidence[Mark.BATCH] = mark_transaction(current, connection, Mark.BATCH, self.id)
        if self.effect is not None and completes:
            value = run_mark(*self.effect.key)
            self._evidence[Mark.RUN] = mark_transaction(current, connection, Mark.RUN, value)

    def _write_at_once(self, connection: Connection) -> None:
        """Write all at once; the ended job's unique key is free for the jobs that it queues."""
        if self.effect is not None:
            self.effect.complete(connection)
        if self.jobs:
            enqueue.add_all(connection, self.jobs, max_payload=get_settings().max_payload)

    def _stage(self, connection: Connection, evidence: dict[Mark, dict[str, Any]]) -> None:
        if self.jobs:
            enqueue.stage(
                connection,
                self.jobs,
                batch=self.id,
                evidence=evidence[Mark.BATCH],
                max_payload=get_settings().max_payload,
            )
        if self.effect is not None:
            self.effect.vote(connection, evidence.get(Mark.RUN, {}))

    def _confirm(self) -> None:
        if self.effect is not None:
            self.effect.confirm()

    def _release(self, connection: Connection, tid: int) -> bool:
        """Return False if the resolver has taken the jobs for dropped: we were very slow."""
        if self.effect is not None:
            self.effect.finish(connection)
        if not self.jobs:
            return True
        promote = enqueue.promote_staged if self._is_plain else enqueue.promote
        return promote(connection, self.id, tid=tid) > 0

    @property
    def _is_plain(self) -> bool:
        """True if no job has to do with another."""
        return not any(job.options.unique is not None or job.options.after for job in self.jobs)

    def _write(self, work: Callable[[Connection], T]) -> T:
        if self._sql is None:
            raise TransactionError("A batch is written only between its begin and its close.")
        with store.naming_outages(self._sql.engine), self._sql.begin():
            return work(self._sql)

    def _mode(self, engine: Engine) -> dict[str, Any]:
        """Leave out BEGIN and COMMIT, which cost a round trip each, where one statement does."""
        adds_one = len(self.jobs) == 1 and self._is_plain and self.effect is None
        ends_one = not self.jobs and self.effect is not None
        return store.each_by_itself(engine) if adds_one or ends_one else {}


def _is_used(job: NewJob) -> bool:
    """Return True if the very job is queued already, by this transaction or another."""
    return isinstance(job, Draft) and job.ticket.is_used()


def _explain_twin(job: NewJob) -> str:
    """Return why a job can't be queued that is there already, or another one with its id."""
    if job.options.id is not None and not _is_used(job):
        return enqueue.same_id(job)
    return (
        f"Job {job.id} ({job.title or job.task}) would be queued twice; a job can be queued once. "
        "Make another one: queue.job(...), or the job(...) of its task."
    )
