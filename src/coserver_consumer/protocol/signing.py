"""Signatures of jobs, by the secret that Zope and its consumers share.

A signature (HMAC-SHA256) says: a holder of the secret queued this job for this user, to be run at
this time and to be tried so often. It covers id, task, arguments, payload, owner, site, origin and
queue.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from coserver_consumer.model.errors import ConfigurationError, Unsigned
from coserver_consumer.model.job import Job
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.retry import PLAIN
from coserver_consumer.protocol.json_values import require_json

VERSION = "v2"
SIGNATURE = re.compile(rf"{VERSION}:([0-9]{{1,15}}):([0-9]{{1,10}}):[0-9a-f]{{64}}", re.ASCII)
SIGNED_DAYS = 30.0
DAY_S = 86_400
SECOND_US = 1_000_000


def sign(job: NewJob, secret: str, *, now: float | None = None) -> NewJob:
    """Return the job with its signature, which says when it is due and how often it may be tried.

    ``now`` is the time since the epoch in seconds, that of this machine unless given. Raises
    ``InvalidJob`` for arguments that JSON would change: what is stored wouldn't fit.
    """
    require_json(job)
    due = find_due(job, time.time() if now is None else now)
    return replace(
        job, signature=_seal_job(job, secret, due=due, attempts=job.options.max_attempts)
    )


def find_due(job: NewJob, now: float) -> int:
    """Return when a new job is due, in seconds since the epoch."""
    options = job.options
    return (
        int(now + max(0, options.delay)) if options.run_at is None else options.run_at // SECOND_US
    )


def verify(
    job: Job,
    secret: str,
    *,
    signed_days: float = SIGNED_DAYS,
    now: float | None = None,
    attempts: Callable[[int | None], int] = PLAIN.attempts,
) -> None:
    """Raise ``Unsigned`` unless the job is as a holder of this secret queued it, and not too old.

    Whoever can write rows could copy an old one back from the history. ``attempts`` returns how
    many attempts the task allows when so many were asked for, or None.
    """
    signed = _read_signature(job, secret)
    if attempts(job.max_attempts) > attempts(signed.attempts):
        raise _does_not_fit(job)
    late = ((time.time() if now is None else now) - signed.due) / DAY_S
    if late > signed_days:
        raise Unsigned(
            f"Job {job.id} was due {late:.0f} days ago; a job runs as a Plone user for "
            f"{signed_days:g} days only, the setting signed_days. Run it again in the control "
            "panel, or queue it anew."
        )


def renew(job: Job, secret: str, *, now: float | None = None) -> str:
    """Return a signature by which the job is due now; raise ``Unsigned`` if it has no good one.

    It is for somebody who may run the job again: then its age doesn't matter.
    """
    signed = _read_signature(job, secret)
    due = int(time.time() if now is None else now)
    return _seal_job(job, secret, due=due, attempts=signed.attempts)


def sign_for_queue(job: Job, queue: str, secret: str) -> str:
    """Return the signature of a job as one of another queue, due when it was and as often.

    Raises ``Unsigned`` if it has no good one for the queue it is in.
    """
    signed = _read_signature(job, secret)
    return _seal_job(job._replace(queue=queue), secret, **signed._asdict())


def make_renewal(find_secret: Callable[[], str]) -> Callable[[Job], str | None]:
    """Return a function that renews a job's signature, or leaves one that can't be renewed."""

    def renew_if_good(job: Job) -> str | None:
        try:
            return renew(job, find_secret())
        except (Unsigned, ConfigurationError):
            return job.signature

    return renew_if_good


class _Signed(NamedTuple):
    """What stands in a signature: when the job is due, in seconds since the epoch, and attempts."""

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
    """Return the signature: the version, what stands in it, and the code over all of it.

    A number of attempts that nobody has given stands in it as 0.
    """
    head = f"{VERSION}:{due}:{attempts or 0}"
    return f"{head}:{code_of(job, secret, head)}"


def code_of(job: NewJob | Job, secret: str, head: str) -> str:
    """Return the code over what stands in a signature, and over what it covers of the job."""
    covered = [head, job.id, job.task, job.args, job.owner, job.site, job.origin, job.queue]
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    message = text.encode() + b"\0" + hashlib.sha256(job.payload or b"").digest()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
