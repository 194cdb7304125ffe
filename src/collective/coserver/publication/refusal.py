"""The answer to a job's request that doesn't complete the job: an outcome message."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, NoReturn

from zExceptions import HTTPException

from collective.coserver.database.settings import get_settings
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Cancelled, Failed, NotTried, Obstacle, Snoozed
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, dump_outcome

logger = logging.getLogger("collective.coserver")

ERROR_STATUSES = range(400, 600)
MAX_LINE_CHARS = 1_000  # in the log


class Refused(HTTPException):
    """Becomes the response, which says how the attempt ends; nothing is committed."""

    title = ""  # without one the body is the message alone

    def __init__(self, status: int, outcome: Failed | Snoozed | Cancelled | NotTried) -> None:
        super().__init__(dump_outcome(outcome, limit=get_settings().max_result))
        self.setStatus(status)
        self.setHeader("content-type", MEDIA_TYPE)
        if status == HTTPStatus.UNAUTHORIZED:
            self.setHeader("WWW-Authenticate", "Coserver")


class NotAdmitted(Refused):
    """The token isn't the job's, or the job's owner can't be had: trying again is useless."""

    def __init__(self, reason: str) -> None:
        super().__init__(401, Failed(error=reason, retry=False))


class Hindered(Refused):
    """The job can't be tried here and now; that costs no attempt."""

    def __init__(self, status: int, obstacle: Obstacle, why: str) -> None:
        super().__init__(status, NotTried(obstacle=obstacle, reason=why))


def refuse(request: Any, refusal: Refused) -> NoReturn:
    """Raise the refusal past the site's error pages, to where WSGI makes a response of it.

    The publisher can't render an error page before traversal, and a redirect to a login form
    would tell a consumer nothing.
    """
    request.environ["x-wsgiorg.throw_errors"] = True
    raise refusal


def refuse_failed(request: Any, job: Job, failure: Failed | NotTried, *, status: int) -> NoReturn:
    """Answer with the failure, and log it with the job's id."""
    why = failure.error if isinstance(failure, Failed) else failure.reason
    logger.error("Job %s (%s), attempt %s: %s", job.id, _line(job.name), job.attempt, _line(why))
    refuse(request, Refused(status if status in ERROR_STATUSES else 500, failure))


def _line(text: str) -> str:
    """Return the text as one line that isn't too long for a log."""
    return " ".join(text.split())[:MAX_LINE_CHARS]
