"""What the attempt of a job has come to, as its request's response, commit or exception shows."""

from __future__ import annotations

import random
from dataclasses import replace
from types import TracebackType
from typing import Any

from zExceptions import HTTPException
from ZODB.POSException import StorageError

from collective.coserver.database.settings import get_settings
from collective.coserver.datamanager.effect import Effect, LostRun
from collective.coserver.functions import registry
from collective.coserver.identity.request_job import find_admitted
from collective.coserver.publication.run import was_called
from coserver_consumer.model.errors import InvalidJob, ObjectGone
from coserver_consumer.model.exception_text import words
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Completed, Failed, NotTried, Obstacle
from coserver_consumer.protocol import answer
from coserver_consumer.protocol.answer import CALL, judge_call, name_request
from coserver_consumer.protocol.reply import Reply

FAULT_STATUS = 500  # of an exception that is no answer


def judge_commit(job: Job, request: Any) -> Completed | Failed:
    """Return what the attempt has come to, now that its transaction commits.

    Of a view that is its response, of a function what it returned, whatever it and the views that
    it called have done to the response.
    """
    if job.task != CALL:
        return _judge(job, request, _to_reply(request.response))
    admitted = find_admitted(request)
    return judge_call(job, None if admitted is None else admitted.returned)


def judge_uncommitted(job: Job, effect: Effect | None) -> Failed:
    """Return why an attempt whose view has returned is none that completes the job."""
    outcome, name = None if effect is None else effect.outcome, name_request(job)
    if isinstance(outcome, Failed):
        return outcome
    if isinstance(outcome, Completed):
        return Failed(
            error=f"{name} has committed its work, but the queue's database couldn't be told. "
            "The resolver completes the job."
        )
    return Failed(
        error=f"{name} returned, but its transaction was doomed (transaction.doom()), or ended by "
        "what is called before the commit: nothing of its work is there."
    )


def judge_error(error: BaseException, job: Job, request: Any) -> Failed | NotTried:
    """Return what an exception means that ended the attempt."""
    if isinstance(error, LostRun):
        return NotTried(obstacle=Obstacle.LOST, reason=str(error))
    if isinstance(error, StorageError) and not was_called(request):
        return NotTried(obstacle=Obstacle.ZODB, reason=f"The ZODB can't be read: {error}")
    if isinstance(error, HTTPException) and error.getStatus() != FAULT_STATUS:
        return _judge_raised_answer(error, job, request)
    if job.task != CALL:
        return Failed.because_of(error, start=_find_start(error))
    return judge_function_error(error, job)


def judge_function_error(error: BaseException, job: Job) -> Failed:
    """Return what an exception means in a function, whose policy is known here only."""
    if isinstance(error, InvalidJob | ObjectGone):
        return Failed(error=str(error), retry=False)
    policy = registry.find_policy(job.args["function"])
    failure = Failed.because_of(error, retry=policy.allows(error), start=_find_start(error))
    wait = policy.wait(job.attempt, random=random.random) if failure.retry else None
    return replace(failure, wait=wait)


def _judge(job: Job, request: Any, reply: Reply) -> Completed | Failed:
    """Judge a response; the site is known by its public address and by the one that was called."""
    scheme = request.environ.get("wsgi.url_scheme", "http")
    called = f"{scheme}://{request.environ.get('HTTP_HOST', '')}"
    hosts = answer.find_site_hosts(job, (request["SERVER_URL"], called))
    return answer.judge(job, reply, site_hosts=hosts, limit=get_settings().max_result)


def _judge_raised_answer(error: HTTPException, job: Job, request: Any) -> Failed:
    """Return what an exception means that is an answer, such as NotFound or Redirect."""
    headers = {name.lower(): value for name, value in getattr(error, "headers", {}).items()}
    plain = {"content-type": "text/plain; charset=utf-8"}
    text = words(error).encode("utf-8", "replace")
    reply = Reply(status=error.getStatus(), headers=headers | plain, body=text)
    outcome = _judge(job, request, reply)
    if isinstance(outcome, Failed):
        return outcome
    to = f" to {headers['location']}" if "location" in headers else ""
    return Failed(
        error=f"{name_request(job)} raised {type(error).__name__}{to}: so Zope undid its work. "
        "Return the answer instead of raising it."
    )


def _to_reply(response: Any) -> Reply:
    """Return the response as its receiver sees it; of a stream nothing is read."""
    limit = get_settings().max_result
    body = response.body if isinstance(response.body, bytes) else b""
    return Reply(
        status=response.getStatus(),
        headers={name.lower(): value for name, value in response.headers.items()},
        body=body[:limit],
        is_cut=len(body) > limit,
    )


def _find_start(error: BaseException) -> TracebackType | None:
    """Return where the publisher called something else, None if it didn't."""
    found = error.__traceback__
    while found is not None and _is_publisher(found):
        found = found.tb_next
    return found


def _is_publisher(traceback: TracebackType) -> bool:
    return str(traceback.tb_frame.f_globals.get("__name__")).startswith("ZPublisher.")
