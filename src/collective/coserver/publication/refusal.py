"""The answer to a job's request that can't be let in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, NoReturn

from zExceptions import HTTPException

from collective.coserver.database.settings import get_settings
from coserver_consumer.model.outcome import Cancelled, Failed, NotTried, Snoozed
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, tell


class Refused(HTTPException):
    """Becomes a response of plain text; it isn't a challenge to log in."""

    title = ""  # without one the body is the message alone

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.setStatus(status)
        self.setHeader("content-type", "text/plain; charset=utf-8")


class Told(Refused):
    """How the attempt ends, in words: the consumer takes it as it is. Nothing is committed."""

    def __init__(self, status: int, outcome: Failed | Snoozed | Cancelled | NotTried) -> None:
        super().__init__(status, tell(outcome, limit=get_settings().max_result))
        self.setHeader("content-type", MEDIA_TYPE)
        if status == HTTPStatus.UNAUTHORIZED:
            self.setHeader("WWW-Authenticate", "Coserver")


class NotAdmitted(Told):
    """The token isn't the job's, or the job's owner can't be had: trying again is useless."""

    def __init__(self, reason: str) -> None:
        super().__init__(401, Failed(error=reason, retry=False))


def refuse(request: Any, refusal: Refused) -> NoReturn:
    """Raise the refusal past the site's error pages, to where WSGI makes a response of it.

    The publisher can't render an error page before traversal, and a redirect to a login form
    would tell a consumer nothing.
    """
    request.environ["x-wsgiorg.throw_errors"] = True
    raise refusal
