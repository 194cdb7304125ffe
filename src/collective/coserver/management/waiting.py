"""Waiting for jobs, in a thread of Zope or in a script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collective.coserver.database.engine import read
from collective.coserver.datamanager import pending
from coserver_consumer.model.errors import NotCommitted
from coserver_consumer.model.job import Job
from coserver_consumer.model.value_types import Seconds, Span
from coserver_consumer.model.workflow import Group
from coserver_consumer.producer import waiting
from coserver_consumer.store import manage

TIMEOUT = Seconds(least=0, most=86_400)


def wait(job_id: str, timeout: Span) -> Job:
    """Return the job once it has ended.

    The ZODB looks as it did when the transaction began: ``transaction.begin()`` shows what the job
    has done. Raises ``TimeoutError`` after ``timeout`` seconds, ``JobNotFound``, and
    ``NotCommitted`` for a job of this transaction, which nobody can run before it commits.
    """
    (job,) = _wait([job_id], timeout)
    return job


def wait_many(jobs: Group | Iterable[str], timeout: Span) -> list[Job]:
    """Return the members of a group, or the jobs with these ids, once all have ended.

    They come in the order given. Raises as ``wait`` does; the ``TimeoutError`` says how many are
    left.
    """
    return _wait(waiting.read_ids(jobs), timeout)


def _wait(job_ids: Sequence[str], timeout: Span) -> list[Job]:
    seconds = TIMEOUT.read("timeout", timeout)
    ids = [manage.require_id(job_id) for job_id in job_ids]
    _refuse_uncommitted(ids)
    return waiting.wait_many(read, ids, seconds, find_other=manage.find_other)


def _refuse_uncommitted(job_ids: Sequence[str]) -> None:
    for job in pending():
        if job.id in job_ids:
            raise NotCommitted(
                f"Job {job.id} is queued by this transaction, and can't run before that has "
                "committed: commit it first, or wait in another one."
            )
