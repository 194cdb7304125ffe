"""Tokens by which a consumer proves to Zope what it does, by the secret that both share.

A token (JWT, RFC 7519; HS256) of a run says: a consumer runs this attempt now, by this request. A
seal is one for a message to a service of Zope.

Tokens are made and checked by the database's clock, in seconds since the epoch, so that no
machine's clock matters.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from threading import Lock
from typing import Any

import jwt

from coserver_consumer.model.errors import Unsigned
from coserver_consumer.model.job import RunKey, new_id

RUN_AUDIENCE = "coserver-run"
SERVICE_AUDIENCE = "coserver-service"
SEAL_LIFETIME_S = 60.0


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
    claims = {
        "aud": RUN_AUDIENCE,
        "sub": key.job_id,
        "run": key.run,
        "htm": method,
        "htu": target,
        "sha": _hash(body or b""),
        "exp": int(expires),
    }
    return jwt.encode(claims, _token_key(secret), algorithm="HS256")


def read_token(token: str, *, secret: str) -> Claims:
    """Return what the token says; raise ``Unsigned`` if it is forged or garbled.

    It may be out of date: ``Claims.check`` tells whoever knows the database's time.
    """
    claims = _decode(token, secret, audience=RUN_AUDIENCE, require=["exp", "sub"])
    try:
        key = RunKey(claims["sub"], int(claims["run"]))
        expires, body_hash = float(claims["exp"]), str(claims["sha"])
        return Claims(
            key=key,
            method=claims["htm"],
            target=claims["htu"],
            body_hash=body_hash,
            expires=expires,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unsigned(f"The token is not good: it lacks {error}") from error


def seal(
    body: bytes, *, service: str, secret: str, now: float, lifetime: float = SEAL_LIFETIME_S
) -> str:
    """Return a token for one message to a service of Zope, good for ``lifetime`` seconds."""
    claims = {
        "aud": SERVICE_AUDIENCE,
        "sub": service,
        "jti": new_id(),
        "sha": _hash(body),
        "exp": int(now + lifetime),
    }
    return jwt.encode(claims, _token_key(secret), algorithm="HS256")


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
    claims = _decode(token, secret, audience=SERVICE_AUDIENCE, require=["exp", "sha", "sub", "jti"])
    _check_expiry(float(claims["exp"]), now)
    if claims["sub"] != service:
        raise Unsigned(f"The token is for the service {claims['sub']}, not for {service}.")
    if not hmac.compare_digest(str(claims["sha"]), _hash(body)):
        raise Unsigned("The token is for another message.")
    if used is not None:
        used.note(str(claims["jti"]), expires=float(claims["exp"]), now=now)


class UsedSeals:
    """The seals that this process has seen, so that each serves once."""

    MARGIN_S = 60.0  # so much longer than it is good a seal is remembered: clocks may differ

    def __init__(self) -> None:
        self._lock = Lock()
        self._until: dict[str, float] = {}

    def note(self, name: str, *, expires: float, now: float) -> None:
        """Note that a seal was used; raise ``Unsigned`` if it was before."""
        with self._lock:
            self._until = {each: until for each, until in self._until.items() if until > now}
            if name in self._until:
                raise Unsigned("The token has been used already.")
            self._until[name] = max(expires, now) + self.MARGIN_S


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _decode(token: str, secret: str, *, audience: str, require: list[str]) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _token_key(secret),
            algorithms=["HS256"],
            audience=audience,
            options={"require": require, "verify_exp": False},  # by this machine's clock
        )
    except jwt.InvalidTokenError as error:
        raise Unsigned(f"The token is not good: {error}") from error
    return claims


def _check_expiry(expires: float, now: float) -> None:
    if now > expires:
        raise Unsigned(f"The token is not good: it was made {now - expires:.0f} s too long ago.")


def _token_key(secret: str) -> bytes:
    """Derive the tokens' key, so that a job's signature never serves as a token's."""
    return hmac.new(secret.encode(), b"coserver token", hashlib.sha256).digest()
