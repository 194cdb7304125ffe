"""The job that a request's token stands for: whether the request is what its consumer sent."""

from __future__ import annotations

import math
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from collective.coserver.database.engine import read
from collective.coserver.database.settings import get_settings
from collective.coserver.publication.refusal import Hindered
from coserver_consumer.model.errors import Unsigned
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Obstacle
from coserver_consumer.protocol import proof, tokens
from coserver_consumer.store import manage


def find_job(token: str, request: Any) -> Job:
    """Return the running job whose run the token stands for.

    Raises ``Unsigned`` for a token of another request, and ``Hindered`` for one that this Zope
    can't read, that is out of date, or whose run isn't the current one.
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
        why = f"Run {claims.key.run} of job {claims.key.job_id} isn't running."
        raise Hindered(401, Obstacle.LOST, why)
    try:
        claims.check(now=running.now)
    except Unsigned as error:
        raise Hindered(401, Obstacle.CLOCK, str(error)) from error
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


def verify_signature(job: Job) -> None:
    """Raise ``Unsigned`` unless a holder of the secret or of a key queued the job, however old."""
    settings = get_settings()
    proof.verify(
        job,
        settings.secret_text,
        lambda key_id: read(lambda connection: manage.find_key(connection, key_id)),
        revoked=settings.revoked_keys,
        signed_days=math.inf,
    )


def _read_token(token: str, secret: str) -> tokens.Claims:
    try:
        return tokens.read_token(token, secret=secret)
    except Unsigned as error:
        raise Hindered(401, Obstacle.SECRET, str(error)) from error


def read_body(request: Any) -> bytes:
    """Return the request's body, and leave it to be read again: Zope reads it later."""
    length = int(request.environ.get("CONTENT_LENGTH") or 0)
    body: bytes = request.stdin.read(length) if length > 0 else b""
    request.stdin = request.environ["wsgi.input"] = BytesIO(body)
    return body


def _requested(request: Any) -> tuple[str, str, str]:
    """Return method, unquoted path and query of the request line, as WSGI has them."""
    environ = request.environ
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", "")
