"""The request of a job ends: with its commit the job, or its answer says why not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import transaction
from zope.component import adapter
from ZPublisher.interfaces import IPubBeforeCommit
from ZPublisher.pubevents import PubFailure, PubSuccess

from collective.coserver.datamanager import join_effect
from collective.coserver.datamanager.effect import Effect
from collective.coserver.events.job_events import tell_success
from collective.coserver.functions.result import read_result
from collective.coserver.identity.request_job import get_job
from collective.coserver.publication.ending import refuse_ended
from collective.coserver.publication.judgement import judge_commit, judge_error, judge_uncommitted
from collective.coserver.publication.refusal import refuse_failed
from coserver_consumer.model.indoubt import run_mark
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Completed, Failed
from coserver_consumer.protocol.markers import COMPLETED_RUN

NAME = "_coserver_effect"


@adapter(IPubBeforeCommit)
def end_job(event: IPubBeforeCommit) -> None:
    """Join the end of the job to the transaction, by what it has come to when that commits.

    Raises what ends the attempt, if the job's code has ended it and gone on.
    """
    request = event.request
    job = get_job(request)
    if job is None:
        return
    refuse_ended(request)
    judge = _make_judge(job, request)
    effect = Effect(
        job.key,
        judge=judge,
        completed=lambda: request.response.setHeader(COMPLETED_RUN, run_mark(*job.key)),
    )
    setattr(request, NAME, effect)
    join_effect(effect)
    transaction.get().addBeforeCommitHook(lambda: tell_success(job, judge(), read_result))


def _make_judge(job: Job, request: Any) -> Callable[[], Completed | Failed]:
    """Return what judges the attempt, unless its code has ended it.

    It is judged once: what subscribers are told of it before the commit is what is committed.
    """

    @cache
    def judge_once() -> Completed | Failed:
        return judge_commit(job, request)

    def judge() -> Completed | Failed:
        refuse_ended(request)
        return judge_once()

    return judge


@adapter(PubSuccess)
def answer_uncompleted(event: PubSuccess) -> None:
    """Answer with why it is so, if the request has ended and the job hasn't.

    It is a subscriber for the class, which the publisher calls after those for the interface.
    """
    request = event.request
    job = get_job(request)
    effect: Effect | None = vars(request).get(NAME)
    if job is not None and not (effect and effect.is_completed):
        refuse_ended(request)
        failure = judge_uncommitted(job, effect)
        refuse_failed(request, job, failure, status=request.response.status)


@adapter(PubFailure)
def answer_error(event: PubFailure) -> None:
    """Answer with the exception that ended the attempt, unless the publisher tries again."""
    job = get_job(event.request)
    if job is None or event.retry:
        return
    error = event.exc_info[1]
    failure = judge_error(error, job, event.request)
    refuse_failed(event.request, job, failure, status=getattr(error, "status", 500))
