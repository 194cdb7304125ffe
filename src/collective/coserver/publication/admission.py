"""A request begins, and may be the run of a job."""

from __future__ import annotations

import logging
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from plone.protect.interfaces import IDisableCSRFProtection
from zope.component import adapter
from zope.interface import alsoProvides, directlyProvidedBy, directlyProvides
from ZPublisher.interfaces import IPubStart

from collective.coserver.database.engine import read
from collective.coserver.database.settings import get_settings
from collective.coserver.identity.request_job import set_job
from collective.coserver.interfaces import IJobRequest
from collective.coserver.publication.freshness import Behind, catch_up
from collective.coserver.publication.inflight import AtWork, OutOfDate
from collective.coserver.publication.moved_content import lead_to_content
from collective.coserver.publication.refusal import NotAdmitted, Refused, refuse
from collective.coserver.publication.run import begin_run
from collective.coserver.services.token import find_token
from coserver_consumer.model.errors import ConfigurationError, StoreError, Unsigned
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import NotTried, Obstacle
from coserver_consumer.protocol import proof, tokens
from coserver_consumer.protocol.markers import IN_PROCESS
from coserver_consumer.store import manage

logger = logging.getLogger("collective.coserver")

SCHEME = "coserver"


@adapter(IPubStart)
def admit_job(event: IPubStart) -> None:
    """Mark the request of a consumer that proves to run a job; refuse one that can't.

    A request without a run token passes untouched, unless it is one of a consumer in this very
    process, which has claimed the job and seen its signature. This is before traversal, so that
    views can be registered for the layer.
    """
    request = event.request
    job, token = find_handed_job(request), find_token(request, SCHEME)
    if job is None and token is None:
        return
    try:
        job = job or find_job(token, request)
        let_in(job, request)
    except Unsigned as error:
        refuse(request, NotAdmitted(str(error)))
    except Hindered as error:
        refuse(request, Refused(error.status, error.outcome))
    except (StoreError, ConfigurationError):
        logger.exception("A job's request can't be checked.")
        said = "Zope can't check the job now; its log says why."
        refuse(request, Refused(503, NotTried(obstacle=Obstacle.DATABASE, reason=said)))
    set_job(request, job)
    lead_to_content(request, job)
    mark(request)


class Hindered(Exception):
    """The job isn't tried; ``outcome`` tells why. Another time or elsewhere it may be."""

    def __init__(self, status: int, obstacle: Obstacle, error: Exception) -> None:
        super().__init__(str(error))
        self.status = status
        self.outcome = NotTried(obstacle=obstacle, reason=str(error))


def let_in(job: Job, request: Any) -> None:
    """Have the run begin, unless it mustn't now: raise ``Hindered``."""
    try:
        catch_up(job)
        begin_run(job, request)
    except Behind as error:
        raise Hindered(503, Obstacle.ZODB, error) from error
    except AtWork as error:
        raise Hindered(503, Obstacle.AT_WORK, error) from error
    except OutOfDate as error:
        raise Hindered(401, Obstacle.LOST, error) from error


def find_handed_job(request: Any) -> Job | None:
    """Return the job that a consumer in this process has put into the WSGI environment.

    What a web server puts there is text, whether it comes from a client or from its settings.
    """
    job = request.environ.get(IN_PROCESS)
    return job if isinstance(job, Job) else None


def find_job(token: str, request: Any) -> Job:
    """Return the job that runs now and whose run this token stands for.

    Raises ``Unsigned``, or ``Hindered`` for a token that this Zope can't read or take for good.
    """
    secret = get_settings().secret_text
    claims = _read_token(token, secret)
    path, _, query = claims.target.partition("?")
    if (claims.method, unquote(path), query) != _requested(request):
        raise Unsigned("The token is for another request.")
    if not claims.is_for_body(read_body(request)):
        raise Unsigned("The token is for a request with another body.")
    running = read(lambda connection: manage.find_running(connection, claims.key))
    if running is None:
        gone = Unsigned(f"Run {claims.key.run} of job {claims.key.job_id} isn't running.")
        raise Hindered(401, Obstacle.LOST, gone)
    try:
        claims.check(now=running.now)
    except Unsigned as error:
        raise Hindered(401, Obstacle.CLOCK, error) from error
    verify(running.job, now=running.now)
    return running.job


def verify(job: Job, *, now: float) -> None:
    """Raise ``Unsigned`` unless the job runs as its user by right."""
    settings = get_settings()
    proof.verify(
        job,
        settings.secret_text,
        lambda key_id: read(lambda connection: manage.find_key(connection, key_id)),
        revoked=settings.revoked_keys,
        signed_days=settings.signed_days,
        now=now,
    )


def _read_token(token: str, secret: str) -> tokens.Claims:
    try:
        return tokens.read_token(token, secret=secret)
    except Unsigned as error:
        raise Hindered(401, Obstacle.SECRET, error) from error


def read_body(request: Any) -> bytes:
    """Return the request's body, which Zope reads later: nothing but that is left to be read."""
    length = int(request.environ.get("CONTENT_LENGTH") or 0)
    body: bytes = request.stdin.read(length) if length > 0 else b""
    request.stdin = request.environ["wsgi.input"] = BytesIO(body)
    return body


def mark(request: Any) -> None:
    """Give the request its layer, and let a GET write: no browser can be tricked into sending it.

    The layer goes before the others, so that its views win over those for every request.
    """
    directlyProvides(request, IJobRequest, directlyProvidedBy(request))
    alsoProvides(request, IDisableCSRFProtection)


def _requested(request: Any) -> tuple[str, str, str]:
    """Return method, unquoted path and query of the request line, as WSGI hands them over."""
    said = request.environ
    path = said.get("SCRIPT_NAME", "") + said.get("PATH_INFO", "")
    return said["REQUEST_METHOD"], path, said.get("QUERY_STRING", "")
