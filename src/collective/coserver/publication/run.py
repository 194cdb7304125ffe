"""The run of a job is at work from the moment its request is let in until that has ended."""

from __future__ import annotations

import sys
from typing import Any

from zope.component import adapter
from zope.publisher.interfaces import IEndRequestEvent
from ZPublisher.interfaces import IPubAfterTraversal, IPubFailure

from collective.coserver.identity.request_job import has_ending
from collective.coserver.publication.inflight import runs
from coserver_consumer.model.indoubt import run_mark
from coserver_consumer.model.job import Job, RunKey
from coserver_consumer.protocol.markers import COMPLETED_RUN
from coserver_consumer.protocol.run_state import RunState

NAME = "_coserver_run"


class RunRequest:
    """What is noted of a request that has begun a run; of its clones nothing is noted."""

    def __init__(self, key: RunKey) -> None:
        self.key = key
        self.is_called = False  # the job's view is, or was
        self.begins_anew = False  # the request does, since it met a conflict
        self.handled = sys.exception()  # what the publisher's caller was handling already


def begin_run(job: Job, request: Any) -> None:
    """Have the run be at work until its request has ended.

    Raises ``AtWork`` or ``OutOfDate`` if it mustn't begin.
    """
    runs.begin(job.key, is_retry=getattr(request, "retry_count", 0) > 0)
    setattr(request, NAME, RunRequest(job.key))


def was_called(request: Any) -> bool:
    """Return True if the view of the request's job has been called."""
    noted = find_run(request)
    return noted is None or noted.is_called


def was_completed(request: Any, noted: RunRequest) -> bool:
    """Return True if the request's commit has completed the run."""
    return bool(request.response.getHeader(COMPLETED_RUN) == run_mark(*noted.key))


@adapter(IPubAfterTraversal)
def note_call(event: IPubAfterTraversal) -> None:
    """Note that the job's view is called next."""
    if noted := find_run(event.request):
        noted.is_called = True


@adapter(IPubFailure)
def note_retry(event: IPubFailure) -> None:
    """Leave the run at work if the publisher begins its request anew.

    It doesn't once the job's code has ended the attempt, in a subrequest say: see ``exit``.
    """
    if noted := find_run(event.request):
        noted.begins_anew = event.retry and not has_ending(event.request)


@adapter(IEndRequestEvent)
def end_run(event: IEndRequestEvent) -> None:
    """Note that the run isn't at work any more, and what became of it."""
    noted = find_run(event.request)
    if noted is None or noted.begins_anew:
        return
    is_done = was_completed(event.request, noted)
    runs.end(noted.key, RunState.COMPLETED if is_done else RunState.ENDED)


def find_run(request: Any) -> RunRequest | None:
    """Return what is noted of a job's own request, None for any other and for a clone."""
    found = vars(request).get(NAME) if request is not None else None
    return found if isinstance(found, RunRequest) else None
