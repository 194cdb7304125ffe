"""The proof that a job runs as its user by right: a signature, by the secret or a key. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection

from coserver_consumer.model.errors import WrongState
from coserver_consumer.model.job import Job
from coserver_consumer.model.retry import PLAIN
from coserver_consumer.protocol import key, signing
from coserver_consumer.protocol.known_key import KnownKey

FindKey = Callable[[str], KnownKey | None]
"""Returns the key with that id as the tables have it now."""


def verify(
    job: Job,
    secret: str,
    find_key: FindKey,
    *,
    revoked: Collection[str] = (),
    signed_days: float = signing.SIGNED_DAYS,
    now: float | None = None,
    attempts: Callable[[int | None], int] = PLAIN.attempts,
) -> None:
    """Raise ``Unsigned`` unless a holder of the secret, or of a key that allows it, queued the job.

    ``now`` is the time since the epoch in seconds, that of this machine unless given. ``revoked``
    and ``attempts`` are those of ``key.verify``.
    """
    key_id = key.find_key_id(job)
    if key_id is None:
        signing.verify(job, secret, signed_days=signed_days, now=now, attempts=attempts)
        return
    known = find_key(key_id)
    key.verify(job, known, secret, revoked=revoked, signed_days=signed_days, attempts=attempts)


def make_transfer(find_secret: Callable[[], str]) -> Callable[[Job, str], str | None]:
    """Return a function that signs a job for another queue; one without a signature gets none.

    It raises ``WrongState`` for a job of a program's key, ``Unsigned`` for one whose signature
    doesn't fit, and ``ConfigurationError`` where the secret isn't known.
    """

    def sign(job: Job, queue: str) -> str | None:
        if job.signature is None:
            return None
        if key.find_key_id(job) is not None:
            raise WrongState(
                f"Job {job.id} is signed with a program's key for its queue '{job.queue}': cancel "
                "it, and have its program queue it in the other one."
            )
        return signing.sign_for_queue(job, queue, find_secret())

    return sign
