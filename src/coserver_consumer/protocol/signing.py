"""Signatures of jobs and tokens of runs, from the secret that Zope and its consumers share.

A signature (HMAC-SHA256) says: a holder of the secret queued this job for this user, due then, to
be tried so often. It covers id, task, arguments, payload, owner, site, origin and queue. A token
(JWT, RFC 7519; HS256) says: a consumer runs this attempt now, with this method and target.

Tokens are made and checked by the database's clock, in seconds since the epoch, so that no
machine's clock matters.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, NamedTuple

import jwt

from coserver_consumer.model.errors import ConfigurationError, Unsigned
from coserver_consumer.model.job import Job, RunKey, new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.retry import PLAIN

VERSION = "v2"
SIGNATURE = re.compile(rf"{VERSION}:([0-9]{{1,15}}):([0-9]{{1,10}}):[0-9a-f]{{64}}", re.ASCII)
SIGNED_DAYS = 30.0
DAY = 86_400  # seconds
SECOND = 1_000_000  # microseconds
AUDIENCE = "coserver-run"
SERVICE = "coserver-service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says: the run, the one request it is good for, and until when."""

    key: RunKey
    method: str
    target: str
    body_hash: str
    expires: float

    def is_for_body(self, body: bytes) -> bool:
        """Return True if the request's body is the one that the token was made for."""
        return hmac.compare_digest(self.body_hash.encode(), _hash(body).encode())

    def check(self, *, now: float) -> None:
        """Raise ``Unsigned`` if the token is out of date."""
        _check_expiry(self.expires, now)


def sign(job: NewJob, secret: str, *, now: float | None = None) -> NewJob:
    """Return the job with its signature, which says when it is due and how often it may be tried.

    ``now`` is the time since the epoch in seconds, that of this machine unless given.
    """
    said = job.options
    due = find_due(job, time.time() if now is None else now)
    return replace(job, signature=_seal_job(job, secret, due=due, attempts=said.max_attempts))


def find_due(job: NewJob, now: float) -> int:
    """Return when a new job is due, in seconds since the epoch."""
    said = job.options
    return int(now + max(0, said.delay)) if said.run_at is None else said.run_at // SECOND


def verify(
    job: Job,
    secret: str,
    *,
    signed_days: float = SIGNED_DAYS,
    now: float | None = None,
    attempts: Callable[[int | None], int] = PLAIN.attempts,
) -> None:
    """Raise ``Unsigned`` unless the job is as a holder of this secret queued it, and not too old.

    An old one could have been copied back from the history by whoever can write rows.
    ``attempts`` gives how many attempts the task makes of those that were said, or of None.
    """
    signed = _read_signature(job, secret)
    if attempts(job.max_attempts) > attempts(signed.attempts):
        raise _does_not_fit(job)
    late = ((time.time() if now is None else now) - signed.due) / DAY
    if late > signed_days:
        raise Unsigned(
            f"Job {job.id} was due {late:.0f} days ago; a job runs as a Plone user for "
            f"{signed_days:g} days only, the setting signed_days. Run it again in the control "
            "panel, or queue it anew."
        )


def renew(job: Job, secret: str, *, now: float | None = None) -> str:
    """Return a signature of the same job as due now; raise ``Unsigned`` if it has no good one.

    For somebody who may run it again: how old it is doesn't matter then.
    """
    signed = _read_signature(job, secret)
    due = int(time.time() if now is None else now)
    return _seal_job(job, secret, due=due, attempts=signed.attempts)


def make_renewal(find_secret: Callable[[], str]) -> Callable[[Job], str | None]:
    """Return what renews a job's signature; one without a good one, or a secret, stays as it is."""

    def renew_if_good(job: Job) -> str | None:
        try:
            return renew(job, find_secret())
        except (Unsigned, ConfigurationError):
            return job.signature

    return renew_if_good


class _Signed(NamedTuple):
    """What a signature says itself: when the job is due, in seconds since the epoch; attempts."""

    due: int
    attempts: int | None


def _read_signature(job: Job, secret: str) -> _Signed:
    if job.signature is None:
        raise Unsigned(f"Job {job.id} bears no signature, so it can't run as a Plone user.")
    found = SIGNATURE.fullmatch(job.signature)
    if found is None:
        raise _does_not_fit(job)
    signed = _Signed(due=int(found[1]), attempts=int(found[2]) or None)
    expected = _seal_job(job, secret, **signed._asdict())
    if not hmac.compare_digest(job.signature, expected):
        raise _does_not_fit(job)
    return signed


def _does_not_fit(job: Job) -> Unsigned:
    return Unsigned(
        f"The signature of job {job.id} doesn't fit: it was changed after it was queued, "
        "or Zope and this process have different secrets."
    )


def _seal_job(job: NewJob | Job, secret: str, *, due: int, attempts: int | None) -> str:
    """Return the signature: the version, what it says itself, and the code over all of it.

    Attempts of which nobody says how many are 0 in it.
    """
    told = f"{VERSION}:{due}:{attempts or 0}"
    return f"{told}:{code_of(job, secret, told)}"


def code_of(job: NewJob | Job, secret: str, told: str) -> str:
    """Return the code over what a signature says itself, and over what it covers of the job."""
    said = [told, job.id, job.task, job.args, job.owner, job.site, job.origin, job.queue]
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    message = text.encode() + b"\0" + hashlib.sha256(job.payload or b"").digest()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def make_token(
    key: RunKey,
    *,
    method: str,
    target: str,
    secret: str,
    body: bytes | None = None,
    expires: float,
) -> str:
    """Return a token for one request of one run.

    ``target`` is the path and query as the request line bears them.
    """
    said = {
        "aud": AUDIENCE,
        "sub": key.job_id,
        "run": key.run,
        "htm": method,
        "htu": target,
        "sha": _hash(body or b""),
        "exp": int(expires),
    }
    return jwt.encode(said, _token_key(secret), algorithm="HS256")


def read_token(token: str, *, secret: str) -> Claims:
    """Return what the token says; raise ``Unsigned`` if it is forged or garbled.

    Whether it is out of date, ``Claims.check`` says to whoever knows the database's time.
    """
    said = _decode(token, secret, audience=AUDIENCE, require=["exp", "sub"])
    try:
        key = RunKey(said["sub"], int(said["run"]))
        expires, body_hash = float(said["exp"]), str(said["sha"])
        return Claims(
            key=key,
            method=said["htm"],
            target=said["htu"],
            body_hash=body_hash,
            expires=expires,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unsigned(f"The token is not good: it lacks {error}") from error


def seal(body: bytes, *, service: str, secret: str, now: float, lifetime: float = 60) -> str:
    """Return a token for one message to a service of Zope, good for ``lifetime`` seconds."""
    said = {
        "aud": SERVICE,
        "sub": service,
        "jti": new_id(),
        "sha": _hash(body),
        "exp": int(now + lifetime),
    }
    return jwt.encode(said, _token_key(secret), algorithm="HS256")


def check_seal(
    token: str,
    body: bytes,
    *,
    service: str,
    secret: str,
    now: float,
    used: UsedSeals | None = None,
) -> None:
    """Raise ``Unsigned`` unless the token was made for this message to this service.

    ``used`` refuses one that was used before.
    """
    said = _decode(token, secret, audience=SERVICE, require=["exp", "sha", "sub", "jti"])
    _check_expiry(float(said["exp"]), now)
    if said["sub"] != service:
        raise Unsigned(f"The token is for the service {said['sub']}, not for {service}.")
    if not hmac.compare_digest(str(said["sha"]), _hash(body)):
        raise Unsigned("The token is for another message.")
    if used is not None:
        used.note(str(said["jti"]), expires=float(said["exp"]), now=now)


class UsedSeals:
    """The seals that this process has seen and that aren't out of date, so that each serves once.

    ``KEPT`` seconds longer than they say: clocks may differ.
    """

    KEPT = 60.0

    def __init__(self) -> None:
        self._lock = Lock()
        self._until: dict[str, float] = {}

    def note(self, name: str, *, expires: float, now: float) -> None:
        """Note that a seal was used; raise ``Unsigned`` if it was before."""
        with self._lock:
            self._until = {each: until for each, until in self._until.items() if until > now}
            if name in self._until:
                raise Unsigned("The token has been used already.")
            self._until[name] = max(expires, now) + self.KEPT


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _decode(token: str, secret: str, *, audience: str, require: list[str]) -> dict[str, Any]:
    try:
        said: dict[str, Any] = jwt.decode(
            token,
            _token_key(secret),
            algorithms=["HS256"],
            audience=audience,
            options={"require": require, "verify_exp": False},  # by this machine's clock
        )
    except jwt.InvalidTokenError as error:
        raise Unsigned(f"The token is not good: {error}") from error
    return said


def _check_expiry(expires: float, now: float) -> None:
    if now > expires:
        raise Unsigned(f"The token is not good: it was made {now - expires:.0f} s too long ago.")


def _token_key(secret: str) -> bytes:
    """Derive the tokens' key, so that a job's signature never serves as a token's."""
    return hmac.new(secret.encode(), b"coserver token", hashlib.sha256).digest()
