"""Signatures of jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coserver_consumer.errors import InvalidJob, Unsigned
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.protocol.signing import (
    DAY_S,
    make_renewal,
    renew,
    sign,
    verify,
)
from coserver_consumer.retry import RetryPolicy
from coserver_consumer.settings.settings import Settings

SECRET = "0123456789abcdef0123456789abcdef"
WORK = ("id", "task", "args", "payload", "owner", "site", "origin", "signature")
JOB = NewJob(
    task="view",
    args={"path": "/Plone/@@import", "params": {"feed": "42", "n": [1, 2.5, None, "\u00e4"]}},
    payload=b"\x00body",
    owner="ada",
    site="/Plone",
    origin={"language": "de"},
)


@pytest.fixture
def signed(make_job):
    """The job as a consumer has it, signed when it was queued."""
    return make_claimed(make_job, sign(JOB, SECRET))


def make_claimed(make_job, job):
    """Return a new job as a consumer claims it."""
    work = {name: getattr(job, name) for name in WORK}
    return make_job(queue=job.queue, max_attempts=job.options.max_attempts, **work)


def test_a_signed_job_is_verified(signed):
    """Nothing was changed on its way through the database."""
    verify(signed, SECRET)


def test_what_json_would_change_isnt_signed():
    """The signature wouldn't fit what is stored, and the job would fail when it runs."""
    args = {"path": "/Plone/@@import", "params": {2: "a", 10: "b"}}
    with pytest.raises(InvalidJob, match=r"args\['params'\] has the key 2, and keys are text"):
        sign(replace(JOB, args=args), SECRET)


@pytest.mark.parametrize(
    "change",
    [
        {"owner": "admin"},
        {"owner": None},
        {"site": "/Other"},
        {"task": "call"},
        {"args": {"path": "/Plone/@@delete"}},
        {"payload": b"other"},
        {"payload": None},
        {"origin": None},
        {"id": "01980cf2-53a1-7000-8000-0123456789ac"},
        {"signature": None},
        {"signature": "v1:00"},
        {"queue": "other"},
        {"max_attempts": 6},
    ],
)
def test_a_changed_job_is_refused(signed, change):
    """Who can write to the database only must not gain a user's rights."""
    with pytest.raises(Unsigned):
        verify(signed._replace(**change), SECRET)


@pytest.mark.parametrize("change", [(1, "9999999999"), (2, "50"), (0, "v1"), (3, "0" * 64)])
def test_what_a_signature_says_itself_cannot_be_changed(signed, change):
    """Neither when the job was due, nor how often it may be tried; and no older kind is taken."""
    at, text = change
    parts = signed.signature.split(":")
    parts[at] = text
    with pytest.raises(Unsigned, match="doesn't fit"):
        verify(signed._replace(signature=":".join(parts), max_attempts=6), SECRET)


def test_an_old_job_is_refused(make_job):
    """Who can write rows could copy it back from the history; from when it was due on it ages."""
    later = replace(JOB, options=JobOptions(delay=10 * DAY_S))
    signed = make_claimed(make_job, sign(later, SECRET, now=0))
    verify(signed, SECRET, now=39 * DAY_S)
    with pytest.raises(Unsigned, match=r"due 31 days ago.*signed_days.*control panel"):
        verify(signed, SECRET, now=41.1 * DAY_S)
    verify(signed, SECRET, now=41 * DAY_S, signed_days=60)


def test_a_job_that_is_run_again_gets_a_new_signature(make_job):
    """For somebody who may; but one that was changed gets none."""
    old = make_claimed(make_job, sign(JOB, SECRET, now=0))
    again = old._replace(signature=renew(old, SECRET, now=100 * DAY_S))
    verify(again, SECRET, now=101 * DAY_S)
    with pytest.raises(Unsigned):
        renew(old._replace(owner="admin"), SECRET)
    keep = make_renewal(lambda: SECRET)
    assert keep(old._replace(owner="admin")) == old.signature
    assert make_renewal(lambda: Settings(database="sqlite:///x").secret_text)(old) == old.signature


@pytest.mark.parametrize("said", [1, 5, 8, None])
def test_a_task_may_give_more_attempts_than_were_signed(make_job, said):
    """Its policy is the consumer's, not the row's."""
    policy = RetryPolicy(max_attempts=20)
    signed = make_claimed(
        make_job, sign(replace(JOB, options=JobOptions(max_attempts=said)), SECRET)
    )
    fitted = signed._replace(max_attempts=policy.attempts(said))
    verify(fitted, SECRET, attempts=policy.attempts)


def test_what_an_operator_may_change_is_not_signed(signed):
    """When it runs, how urgent it is, how long it may take, what it is called; fewer attempts."""
    changed = {"run_at": 7, "priority": 9, "timeout": 5.0, "title": "x", "max_attempts": 1}
    verify(signed._replace(**changed), SECRET)


def test_a_job_of_another_secret_is_refused(signed):
    """The message names that possibility."""
    with pytest.raises(Unsigned, match="different secrets"):
        verify(signed, SECRET[::-1])
