"""A key as the tables have it, and what it is worth: the seal over its grant proves it. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from coserver_consumer.model.moments import write_local
from coserver_consumer.protocol.grant import Grant
from coserver_consumer.protocol.signing import SECOND_US


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """A key as the tables have it, and the database's time now, in seconds since the epoch."""

    grant: Grant
    seal: str | None
    revoked_at: int | None
    now: float

    @property
    def is_past(self) -> bool:
        """True if it was revoked, or has expired, as far as the tables tell."""
        return self.revoked_at is not None or self.now >= self.grant.expires


class KeyState(StrEnum):
    """What a key is worth."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    VOID = "void"  # no job of it runs, though the tables don't say that it has ended
    UNCHECKED = "unchecked"  # without the secret nobody can tell


class Worth(NamedTuple):
    """What a key is worth, and why; ``why`` goes on after the key's name, as in ``expired at``."""

    state: KeyState
    why: str | None = None


def assess(known: KnownKey, secret: str | None, revoked: Collection[str]) -> Worth:
    """Return what a key is worth now; ``secret`` None: it isn't known here.

    ``revoked`` are the ids of keys that aren't valid whatever the tables say.
    """
    if ended := _find_revocation(known, revoked) or _find_fault(known, secret) or _find_end(known):
        return ended
    if secret is None:
        return Worth(KeyState.UNCHECKED, "can't be checked without the secret")
    return Worth(KeyState.VALID)


def _find_revocation(known: KnownKey, revoked: Collection[str]) -> Worth | None:
    if known.grant.id in revoked:
        return Worth(KeyState.REVOKED, "is revoked by the setting revoked_keys")
    if known.revoked_at is not None:
        return Worth(KeyState.REVOKED, f"was revoked at {write_local(known.revoked_at)}")
    return None


def _find_fault(known: KnownKey, secret: str | None) -> Worth | None:
    if known.seal is None:
        return Worth(KeyState.VOID, "was revoked: its seal is gone from the tables")
    if secret is None or _fits(known.seal, seal_grant(known.grant, secret)):
        return None
    why = "was made with another secret, or what it allows was changed in the tables"
    return Worth(KeyState.VOID, why)


def _find_end(known: KnownKey) -> Worth | None:
    if known.now < known.grant.expires:
        return None
    return Worth(KeyState.EXPIRED, f"expired at {write_local(known.grant.expires * SECOND_US)}")


def seal_grant(grant: Grant, secret: str) -> str:
    """Return the code that stands in the tables as long as the key is valid."""
    return derive_code(secret, b"coserver grant", grant)


def derive_code(secret: str, purpose: bytes, grant: Grant) -> str:
    """Return a code over the grant, by a secret for this purpose alone."""
    derived = hmac.new(secret.encode(), purpose, sha256).digest()
    return hmac.new(derived, grant.as_bytes(), sha256).hexdigest()


def _fits(seal: str, expected: str) -> bool:
    return hmac.compare_digest(seal.encode(), expected.encode())
