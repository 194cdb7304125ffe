"""A job on its way from what a caller wants to a part of the current transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collective.coserver.datamanager import join, join_all
from collective.coserver.due import to_run_at
from collective.coserver.origin import site_path, to_origin
from collective.coserver.owner import Owner
from collective.coserver.queues import require_queue
from collective.coserver.settings import get_settings
from coserver_consumer import signing, store
from coserver_consumer.errors import InvalidJob
from coserver_consumer.job import MAX_ATTEMPTS, NewJob

TITLE = 200  # characters of a path or name that stands for a title


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be said of any job.

    ``priority``: a point is a head start of a minute. ``delay`` and ``timeout`` are in seconds;
    ``eta`` has a time zone. ``unique``: nothing is queued while another live job has the same key;
    ``unique_for`` says until when instead: 0 until it is claimed, a number of seconds until so long
    after it was queued. ``limit``: of the jobs with this key only so many run at once as its limit
    says, one unless somebody set another. ``requires``: what a consumer must be capable of.
    ``after``: ids of jobs that must be completed first, or, with ``accepts_failure``, that must
    have ended.
    """

    queue: str = "default"
    priority: int = 0
    delay: float = 0
    eta: datetime | None = None
    max_attempts: int = MAX_ATTEMPTS
    timeout: float | None = None
    unique: str | None = None
    unique_for: float | None = None
    limit: str | None = None
    title: str | None = None
    requires: Iterable[str] = ()
    after: Iterable[str] = ()
    accepts_failure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a job is to do; ``title`` is what it is called if nobody says otherwise."""

    task: str
    args: dict[str, Any]
    title: str
    payload: bytes | None = None


def make(work: Work, options: Options, *, owner: Owner, site: Any, request: Any) -> NewJob:
    """Return the job, signed; nothing is queued.

    It runs as ``owner`` in ``site``, and is given back what it needs of ``request``. Raises
    ``AddError`` for what can't be queued, ``ConfigurationError``, ``StoreError``.
    """
    require_queue(options.queue)
    job = NewJob(
        task=work.task,
        args=work.args,
        queue=options.queue,
        priority=options.priority,
        delay=options.delay,
        run_at=to_run_at(options.eta, delay=options.delay),
        max_attempts=options.max_attempts,
        timeout=options.timeout,
        payload=work.payload,
        owner=owner.id,
        site=site_path(site),
        origin=to_origin(owner, site=site, request=request),
        title=options.title or work.title[:TITLE],
        unique_key=options.unique,
        unique_for=options.unique_for,
        limit_key=options.limit or "",
        requires=_to_names("requires", options.requires),
        after=_to_names("after", options.after),
        accepts_failure=options.accepts_failure,
    )
    settings = get_settings()
    store.check_job(job, max_payload=settings.max_payload)
    return signing.sign(job, settings.secret_text)


def enlist(job: NewJob) -> str:
    """Add the job to the current transaction; return its id.

    Raises ``AddError`` when it is too late for that.
    """
    join(job)
    return job.id


def enlist_all(jobs: Iterable[NewJob]) -> list[str]:
    """Add jobs to the current transaction, all or none, and return their ids in that order.

    Raises ``AddError`` when it is too late for that, or for a job that is in it already.
    """
    new = list(jobs)
    join_all(new)
    return [job.id for job in new]


def _to_names(option: str, names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise InvalidJob(f"{option} is a list, such as ['{names}'].")
    return tuple(names)
