"""A job about content, whose description is renewed when its transaction commits.

Until then the content may be renamed, moved, or given the UID that it had elsewhere: Plone adds
what ``plone.api.content.create`` makes under a temporary id, and renames it in the same
transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from Products.CMFCore.indexing import processQueue

from collective.coserver.database.settings import get_settings
from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.protocol import signing
from coserver_consumer.store import enqueue


@dataclass(slots=True, eq=False)
class Ticket:
    """With it a job is queued once; all copies of the job share it.

    ``is_used`` says whether that is so now: a transaction may have been aborted since.
    """

    is_used: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft(NewJob):
    """A job as it would be now; ``rewrite`` returns it as the commit makes it, not yet signed."""

    rewrite: Callable[[NewJob], NewJob]
    ticket: Ticket = field(default_factory=Ticket, repr=False, compare=False)


def draft(job: NewJob, rewrite: Callable[[NewJob], NewJob]) -> Draft:
    """Return the job as a draft."""
    return Draft(**_fields(job), rewrite=rewrite)


def finalize(job: NewJob) -> NewJob:
    """Return the job as it is to be written, signed; raise ``InvalidJob`` if it can't be."""
    if not isinstance(job, Draft):
        return job
    known = NewJob(**_fields(job))
    written = job.rewrite(known)
    if written == known:
        return written
    settings = get_settings()
    enqueue.check_job(written, max_payload=settings.max_payload)
    return signing.sign(written, settings.secret_text)


def preview(jobs: Sequence[NewJob]) -> tuple[NewJob, ...]:
    """Return jobs as they would be written now; one that can't be is as it was made."""
    if any(isinstance(job, Draft) for job in jobs):
        processQueue()  # what this transaction has moved is where the catalog will have it
    return tuple(map(_preview, jobs))


def _preview(job: NewJob) -> NewJob:
    try:
        return finalize(job)
    except InvalidJob:
        return job


def _fields(job: NewJob) -> dict[str, Any]:
    return {field.name: getattr(job, field.name) for field in fields(NewJob)}
