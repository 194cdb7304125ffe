"""Keys of other programs: made of the secret and a grant, so that neither can be changed. Pure.

A key's own secret is derived from the shared one and the grant (HMAC-SHA256), so nobody has to keep
it: whoever knows the shared secret and sees the grant finds it again. Another grant has another
secret, and no job that is signed with the one passes for the other. The seal, a code over the same
grant, stands with it in the tables: it says that the key is valid, and goes when it is revoked.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Self

from coserver_consumer.model.errors import InvalidJob, InvalidKey, Unsigned
from coserver_consumer.model.job import Job
from coserver_consumer.model.moments import write_local
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.retry import PLAIN
from coserver_consumer.protocol.grant import Grant, find_refusal
from coserver_consumer.protocol.json_values import require_json
from coserver_consumer.protocol.known_key import KeyState, KnownKey, assess, derive_code
from coserver_consumer.protocol.signing import DAY_S, SECOND_US, SIGNED_DAYS, code_of, find_due

MARK = "coserver-key-1"  # what the text of a key begins with
VERSION = "k1"
CHECKSUM_CHARS = 8
ANOTHER = "`coserver keys add` makes another"
SIGNATURE = re.compile(
    rf"{VERSION}:([0-9a-f]{{32}}):([0-9]{{1,15}}):([0-9]{{1,10}}):[0-9a-f]{{64}}", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as its program holds it."""

    grant: Grant
    secret: str = field(repr=False)

    def as_text(self) -> str:
        """Return the key as one word, which is to be kept like a password."""
        text = f"{MARK}.{_pack(self.grant.as_bytes())}.{self.secret}"
        return f"{text}.{_checksum(text)}"

    @classmethod
    def read(cls, said: str) -> Self:
        """Return the key that the word says; raise ``InvalidKey``, without a part of it."""
        word = said.strip() if isinstance(said, str) else ""
        if not word.startswith(f"{MARK}."):
            raise InvalidKey(
                "This isn't a key: it is one word, which `coserver keys add` has written, and "
                f"begins with {MARK}."
            )
        text, _, checksum = word.rpartition(".")
        if checksum != _checksum(text):
            raise InvalidKey(
                "The key is cut off, or was changed on its way here: have the whole word brought "
                "anew, as `coserver keys add` has written it."
            )
        _, packed, secret = text.split(".")
        known = json.loads(_unpack(packed))
        del known["version"]
        return cls(grant=Grant(**known | {"tasks": tuple(known["tasks"])}), secret=secret)


def make_key(grant: Grant, secret: str) -> Key:
    """Return the key of a grant."""
    return Key(grant=grant, secret=derive_code(secret, b"coserver key", grant))


def sign(job: NewJob, key: Key, *, now: float | None = None) -> NewJob:
    """Return the job as one of the key's user, signed.

    ``now`` is the time since the epoch in seconds, that of this machine unless given. Raises
    ``InvalidJob`` if it isn't granted, for arguments that JSON would change, and if the job is for
    later than the key's end; ``InvalidKey`` for a key that has expired.
    """
    require_json(job)
    grant = key.grant
    owned = replace(job, owner=grant.owner, site=grant.site, origin=dict(grant.origin))
    if refusal := find_refusal(grant, owned):
        raise InvalidJob(refusal)
    now = time.time() if now is None else now
    due = find_due(job, now)
    _check_end(grant, now, due)
    told = _tell(grant.id, due=due, attempts=job.options.max_attempts)
    return replace(owned, signature=f"{told}:{code_of(owned, key.secret, told)}")


def _check_end(grant: Grant, now: float, due: int) -> None:
    """Raise unless the key is still good when the job is due."""
    end = write_local(grant.expires * SECOND_US)
    if now >= grant.expires:
        raise InvalidKey(f"The key '{grant.name}' expired at {end}; {ANOTHER}.")
    if due >= grant.expires:
        raise InvalidJob(
            f"The job is for {write_local(due * SECOND_US)}, and the key '{grant.name}' expires at "
            f"{end}, so it would be refused then: queue it for earlier, or by a key that lasts."
        )


def find_key_id(job: Job) -> str | None:
    """Return the id of the key by which a job claims to be signed, None for any other job."""
    found = SIGNATURE.fullmatch(job.signature or "")
    return None if found is None else _to_id(found[1])


def verify(
    job: Job,
    known: KnownKey | None,
    secret: str,
    *,
    revoked: Collection[str] = (),
    signed_days: float = SIGNED_DAYS,
    attempts: Callable[[int | None], int] = PLAIN.attempts,
) -> None:
    """Raise ``Unsigned`` unless the job is as the holder of a valid key queued it, and granted.

    ``known`` is what the tables have under ``find_key_id``. ``revoked`` are the ids of keys that
    aren't valid whatever the tables say. ``attempts`` gives how many attempts the task makes of
    those that were said, or of None.
    """
    if known is None:
        raise Unsigned(
            f"Job {job.id} was signed with the key {find_key_id(job)}, which isn't known here: it "
            "was removed, or belongs to another installation."
        )
    _check_validity(job, known, secret, revoked)
    _check_signature(job, known, secret, signed_days, attempts)
    if refusal := find_refusal(known.grant, job):
        raise Unsigned(f"Job {job.id} isn't allowed. {refusal}")


def _check_validity(job: Job, known: KnownKey, secret: str, revoked: Collection[str]) -> None:
    worth = assess(known, secret, revoked)
    if worth.state is not KeyState.VALID:
        key = f"the key '{known.grant.name}' ({known.grant.id})"
        raise Unsigned(f"Job {job.id}: {key} {worth.why}; {ANOTHER}.")


def _check_signature(
    job: Job,
    known: KnownKey,
    secret: str,
    signed_days: float,
    attempts: Callable[[int | None], int],
) -> None:
    found = SIGNATURE.fullmatch(job.signature or "")
    due, most = (int(found[2]), int(found[3])) if found else (0, 0)
    told = _tell(known.grant.id, due=due, attempts=most)
    expected = f"{told}:{code_of(job, make_key(known.grant, secret).secret, told)}"
    is_good = hmac.compare_digest((job.signature or "").encode(), expected.encode())
    if not is_good or attempts(job.max_attempts) > attempts(most or None):
        raise Unsigned(
            f"The signature of job {job.id} doesn't fit: it was changed after it was queued, or "
            f"wasn't made with the key '{known.grant.name}'."
        )
    late = (known.now - due) / DAY_S
    if late > signed_days:
        raise Unsigned(
            f"Job {job.id} was due {late:.0f} days ago; a job runs as a Plone user for "
            f"{signed_days:g} days only, the setting signed_days. Have its program queue it anew."
        )


def _tell(key_id: str, *, due: int, attempts: int | None) -> str:
    """Return what a signature says itself; attempts that nobody has said are 0 in it."""
    return f"{VERSION}:{key_id.replace('-', '')}:{due}:{attempts or 0}"


def _to_id(digits: str) -> str:
    parts = digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]
    return "-".join(parts)


def _checksum(text: str) -> str:
    """Return what shows that a key has come whole; it proves nothing else."""
    return sha256(text.encode()).hexdigest()[:CHECKSUM_CHARS]


def _pack(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
