"""The request of a job begins its work."""

from __future__ import annotations

from zope.component import adapter
from ZPublisher.interfaces import IPubAfterTraversal

from collective.coserver.events.job_events import tell_started
from collective.coserver.identity.request_job import get_job


@adapter(IPubAfterTraversal)
def note_start(event: IPubAfterTraversal) -> None:
    """Tell it once the request has its user, its site and its language, before its view is called.

    What a subscriber raises fails the attempt.
    """
    job = get_job(event.request)
    if job is not None:
        tell_started(job)
