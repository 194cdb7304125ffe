"""A job on its way from what a caller wants to a part of the current transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from collective.coserver.database.settings import get_settings
from collective.coserver.datamanager import join
from collective.coserver.datamanager.draft import draft
from collective.coserver.datamanager.uncommitted import as_staged
from collective.coserver.events.job_events import tell_queued
from collective.coserver.identity.cross_site import refuse_cross_site
from collective.coserver.identity.origin import to_origin
from collective.coserver.identity.owner import Owner
from collective.coserver.identity.site import site_path
from collective.coserver.producer.form import require_readable
from collective.coserver.producer.known_queues import require_queue
from coserver_consumer.model import workflow
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.protocol import signing
from coserver_consumer.protocol.request import make_request
from coserver_consumer.store import enqueue

MAX_TITLE_CHARS = 200  # of a path or name that stands for a title


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a job is to do; ``title`` is what it is called if nobody says otherwise.

    ``settle`` returns it as it is when the transaction commits, where that may change it.
    """

    task: str
    args: dict[str, Any]
    title: str
    payload: bytes | None = None
    settle: Callable[[], Work] | None = None


def make(work: Work, options: JobOptions, *, owner: Owner, site: Any, request: Any) -> NewJob:
    """Return the job, signed; nothing is queued.

    It runs as ``owner`` in ``site``, and is given back what it needs of ``request``. Raises
    ``AddError`` for what can't be queued, ``ConfigurationError``, ``StoreError``.
    """
    require_queue(options.queue)
    job = NewJob(
        task=work.task,
        args=work.args,
        options=_name(options, options.title, work),
        payload=work.payload,
        owner=owner.id,
        site=site_path(site),
        origin=to_origin(owner, site=site, request=request),
    )
    if settle := work.settle:

        def rewrite(job: NewJob) -> NewJob:
            now = settle()
            return replace(job, args=now.args, options=_name(job.options, options.title, now))

        job = draft(job, rewrite)
    settings = get_settings()
    enqueue.check_job(job, max_payload=settings.max_payload)
    if work.task == "view":
        require_readable(make_request(job))  # raises for what its consumer couldn't ask
    return signing.sign(job, settings.secret_text)


def _name(options: JobOptions, said: str | None, work: Work) -> JobOptions:
    """Return the options with the title that somebody said, or else that of the work."""
    return options.change(title=said or work.title[:MAX_TITLE_CHARS])


def enlist(job: NewJob) -> str:
    """Add the job and its follow-ups to the current transaction; return its id.

    Raises as ``enlist_all`` does.
    """
    return enlist_all([job])[0]


def enlist_all(jobs: Iterable[NewJob]) -> list[str]:
    """Add jobs to the current transaction, all or none; return their ids in that order.

    Their follow-ups are added as well. Raises ``AddError`` when it is too late for that, or for an
    id that is in it already, ``CrossSiteRequest`` if it isn't ours, and what a subscriber raises
    who is told of a job: then none is queued, nor what subscribers have queued.
    """
    refuse_cross_site()
    new = list(jobs)
    every = workflow.with_follow_ups(new)
    before = join(*every)
    try:
        for job in every:
            tell_queued(as_staged(job))
    except BaseException:  # of a job that wasn't queued nothing is to be left for the commit
        before.rollback()
        raise
    return [job.id for job in new]
