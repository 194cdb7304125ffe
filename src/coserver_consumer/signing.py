"""Signatures of jobs and tokens of runs, from the secret that Zope and its consumers share.

A signature (HMAC-SHA256) says: a holder of the secret queued this job for this user. A token
(JWT, RFC 7519; HS256) says: a consumer runs this attempt now, with this method and target.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, replace
from typing import Any

import jwt

from coserver_consumer.errors import Unsigned
from coserver_consumer.job import Job, NewJob, RunKey

VERSION = "v1"
AUDIENCE = "coserver-run"
SERVICE = "coserver-service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says: the run, and the one request it is good for."""

    key: RunKey
    method: str
    target: str


def sign(job: NewJob, secret: str) -> NewJob:
    """Return the job with its signature."""
    return replace(job, signature=f"{VERSION}:{_digest(job, secret)}")


def verify(job: Job, secret: str) -> None:
    """Raise ``Unsigned`` unless the job bears the signature of this secret's holder."""
    if job.signature is None:
        raise Unsigned(f"Job {job.id} bears no signature, so it can't run as a Plone user.")
    if not hmac.compare_digest(job.signature, f"{VERSION}:{_digest(job, secret)}"):
        raise Unsigned(
            f"The signature of job {job.id} doesn't fit: it was changed after it was queued, "
            "or Zope and this process have different secrets."
        )


def _digest(job: NewJob | Job, secret: str) -> str:
    said = [job.id, job.task, job.args, job.owner, job.site, job.origin]
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    message = text.encode() + b"\0" + hashlib.sha256(job.payload or b"").digest()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def make_token(key: RunKey, *, method: str, target: str, secret: str, lifetime: float) -> str:
    """Return a token for one request of one run, good for ``lifetime`` seconds.

    ``target`` is the path and query as the request line bears them.
    """
    said = {
        "aud": AUDIENCE,
        "sub": key.job_id,
        "run": key.run,
        "htm": method,
        "htu": target,
        "exp": int(time.time() + lifetime),
    }
    return jwt.encode(said, _token_key(secret), algorithm="HS256")


def read_token(token: str, *, secret: str) -> Claims:
    """Return what the token says; raise ``Unsigned`` if it is forged, garbled or expired."""
    said = _decode(token, secret, audience=AUDIENCE, require=["exp", "sub"])
    try:
        key = RunKey(said["sub"], int(said["run"]))
        return Claims(key=key, method=said["htm"], target=said["htu"])
    except (KeyError, TypeError, ValueError) as error:
        raise Unsigned(f"The token is not good: it lacks {error}") from error


def seal(body: bytes, *, secret: str, lifetime: float = 60) -> str:
    """Return a token for a message to Zope, good for ``lifetime`` seconds."""
    said = {
        "aud": SERVICE,
        "sha": hashlib.sha256(body).hexdigest(),
        "exp": int(time.time() + lifetime),
    }
    return jwt.encode(said, _token_key(secret), algorithm="HS256")


def check_seal(token: str, body: bytes, *, secret: str) -> None:
    """Raise ``Unsigned`` unless the token was made for this message."""
    said = _decode(token, secret, audience=SERVICE, require=["exp", "sha"])
    if not hmac.compare_digest(str(said["sha"]), hashlib.sha256(body).hexdigest()):
        raise Unsigned("The token is for another message.")


def _decode(token: str, secret: str, *, audience: str, require: list[str]) -> dict[str, Any]:
    try:
        said: dict[str, Any] = jwt.decode(
            token,
            _token_key(secret),
            algorithms=["HS256"],
            audience=audience,
            leeway=5,
            options={"require": require},
        )
    except jwt.InvalidTokenError as error:
        raise Unsigned(f"The token is not good: {error}") from error
    return said


def _token_key(secret: str) -> bytes:
    """Derive the tokens' key, so that a job's signature never serves as a token's."""
    return hmac.new(secret.encode(), b"coserver token", hashlib.sha256).digest()
