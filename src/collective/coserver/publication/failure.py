"""What an exception means for the job in whose request it was raised."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from types import TracebackType
from typing import Any, NoReturn

from zExceptions import HTTPException
from ZODB.POSException import StorageError

from collective.coserver.database.settings import get_settings
from collective.coserver.datamanager.effect import LostRun
from collective.coserver.functions import registry
from collective.coserver.publication.refusal import Refused, refuse
from collective.coserver.publication.run import was_called
from coserver_consumer.model.errors import InvalidJob, ObjectGone
from coserver_consumer.model.exception_text import words
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Failed, NotTried, Obstacle
from coserver_consumer.protocol.answer import CALL, Asked, describe, judge
from coserver_consumer.protocol.reply import Reply

logger = logging.getLogger("collective.coserver")

FAULT = 500  # the status of an exception that is no answer
ERRORS = range(400, 600)  # statuses
LONGEST = 1_000  # characters of a line in the log


def describe_request(job: Job, request: Any) -> Asked:
    """Return the job's request as its answer is judged by it.

    The site is known by its public address and by the one at which the consumer reached Zope.
    """
    scheme = request.environ.get("wsgi.url_scheme", "http")
    reached = f"{scheme}://{request.environ.get('HTTP_HOST', '')}"
    limit = get_settings().max_result
    return describe(job, addresses=(request["SERVER_URL"], reached), limit=limit)


def to_failure(error: BaseException, job: Job, request: Any) -> Failed | NotTried:
    """Return what an exception means that ended the attempt."""
    if isinstance(error, LostRun):
        return NotTried(obstacle=Obstacle.LOST, reason=str(error))
    if isinstance(error, StorageError) and not was_called(request):
        return NotTried(obstacle=Obstacle.ZODB, reason=f"The ZODB can't be read: {error}")
    if isinstance(error, HTTPException) and error.getStatus() != FAULT:
        return _judge_answer(error, describe_request(job, request))
    if job.task != CALL:
        return Failed.because_of(error, start=_find_start(error))
    return judge_function(error, job)


def judge_function(error: BaseException, job: Job) -> Failed:
    """Return what an exception means in a function, whose policy is known here only."""
    if isinstance(error, InvalidJob | ObjectGone):
        return Failed(error=str(error), retry=False)
    policy = registry.find_policy(job.args["function"])
    failure = Failed.because_of(error, retry=policy.allows(error), start=_find_start(error))
    wait = policy.wait(job.attempt, random=random.random) if failure.retry else None
    return replace(failure, wait=wait)


def tell_failure(request: Any, job: Job, failure: Failed | NotTried, *, status: int) -> NoReturn:
    """Answer with the failure in words, and log it with the job's id."""
    what = failure.error if isinstance(failure, Failed) else failure.reason
    logger.error("Job %s (%s), attempt %s: %s", job.id, _line(job.name), job.attempt, _line(what))
    refuse(request, Refused(status if status in ERRORS else FAULT, failure))


def _judge_answer(error: HTTPException, asked: Asked) -> Failed:
    """Return what an exception means that is an answer, such as NotFound or Redirect."""
    headers = {name.lower(): value for name, value in getattr(error, "headers", {}).items()}
    plain = {"content-type": "text/plain; charset=utf-8"}
    said = words(error).encode("utf-8", "replace")
    reply = Reply(status=error.getStatus(), headers=headers | plain, body=said)
    outcome = judge(asked, reply)
    if isinstance(outcome, Failed):
        return outcome
    to = f" to {headers['location']}" if "location" in headers else ""
    return Failed(
        error=f"{asked.name} raised {type(error).__name__}{to}: so Zope undid its work. "
        "Return the answer instead of raising it."
    )


def _line(text: str) -> str:
    """Return the text as one line that isn't too long for a log."""
    return " ".join(text.split())[:LONGEST]


def _find_start(error: BaseException) -> TracebackType | None:
    """Return where the publisher called something else, None if it didn't."""
    found = error.__traceback__
    while found is not None and _is_publisher(found):
        found = found.tb_next
    return found


def _is_publisher(traceback: TracebackType) -> bool:
    return str(traceback.tb_frame.f_globals.get("__name__")).startswith("ZPublisher.")
