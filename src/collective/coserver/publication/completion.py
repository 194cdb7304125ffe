"""The request of a job ends: with its commit the job, or its consumer is told why not."""

from __future__ import annotations

from typing import Any

from zope.component import adapter
from ZPublisher.interfaces import IPubBeforeCommit
from ZPublisher.pubevents import PubFailure, PubSuccess

from collective.coserver.database.settings import get_settings
from collective.coserver.datamanager import join_effect
from collective.coserver.datamanager.effect import Effect
from collective.coserver.identity.request_job import find_admitted, get_job
from collective.coserver.publication.ending import refuse_ended
from collective.coserver.publication.failure import describe_request, tell_failure, to_failure
from coserver_consumer.model.indoubt import run_mark
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Completed, Failed
from coserver_consumer.protocol.answer import CALL, judge, judge_call
from coserver_consumer.protocol.markers import ENDED
from coserver_consumer.protocol.reply import Reply

NAME = "_coserver_effect"


@adapter(IPubBeforeCommit)
def end_job(event: IPubBeforeCommit) -> None:
    """Join the end of the job to the transaction, by what it has come to at its vote.

    Raises what ends the attempt, if the job's code has ended it and gone on.
    """
    request = event.request
    job = get_job(request)
    if job is None:
        return
    refuse_ended(request)
    effect = Effect(
        job.key,
        conclude=lambda: conclude(job, request),
        ended=lambda: request.response.setHeader(ENDED, run_mark(*job.key)),
    )
    setattr(request, NAME, effect)
    join_effect(effect)


def conclude(job: Job, request: Any) -> Completed | Failed:
    """Return what the attempt has come to, now that its transaction commits.

    Of a view that is its response, of a function what it returned, whatever it and the views that
    it called have done to the response.
    """
    refuse_ended(request)
    asked = describe_request(job, request)
    if job.task != CALL:
        return judge(asked, to_reply(request.response))
    admitted = find_admitted(request)
    return judge_call(asked, None if admitted is None else admitted.returned)


@adapter(PubSuccess)
def tell_end(event: PubSuccess) -> None:
    """Tell the consumer of a job that didn't end with its request why that is so.

    It is a subscriber for the class, which the publisher calls after those for the interface.
    """
    request = event.request
    job = get_job(request)
    effect: Effect | None = vars(request).get(NAME)
    if job is not None and not (effect and effect.has_ended):
        refuse_ended(request)
        tell_failure(request, job, explain(job, request, effect), status=request.response.status)


@adapter(PubFailure)
def tell_error(event: PubFailure) -> None:
    """Tell the consumer which exception ended the attempt, unless the publisher tries again."""
    job = get_job(event.request)
    if job is None or event.retry:
        return
    error = event.exc_info[1]
    failure = to_failure(error, job, event.request)
    tell_failure(event.request, job, failure, status=getattr(error, "status", 500))


def explain(job: Job, request: Any, effect: Effect | None) -> Failed:
    """Return why an attempt whose view has returned is none that completes the job."""
    outcome = None if effect is None else effect.outcome
    if isinstance(outcome, Failed):
        return outcome
    name = describe_request(job, request).name
    if isinstance(outcome, Completed):
        return Failed(
            error=f"{name} has committed its work, but the queue's database couldn't be told. "
            "The resolver completes the job."
        )
    return Failed(
        error=f"{name} returned, but its transaction was doomed (transaction.doom()), or ended by "
        "what is called before the commit: nothing of its work is there."
    )


def to_reply(response: Any) -> Reply:
    """Return the response as its receiver sees it; of a stream nothing is read."""
    limit = get_settings().max_result
    body = response.body if isinstance(response.body, bytes) else b""
    return Reply(
        status=response.getStatus(),
        headers={name.lower(): value for name, value in response.headers.items()},
        body=body[:limit],
        is_cut=len(body) > limit,
    )
