"""Signatures of jobs and tokens of runs."""

from __future__ import annotations

from dataclasses import replace

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.errors import Unsigned
from coserver_consumer.model.job import RunKey
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.protocol.signing import (
    DAY,
    UsedSeals,
    check_seal,
    make_renewal,
    make_token,
    read_token,
    renew,
    seal,
    sign,
    verify,
)
from coserver_consumer.retry import RetryPolicy
from coserver_consumer.settings.settings import Settings

SECRET = "0123456789abcdef0123456789abcdef"
WORK = ("id", "task", "args", "payload", "owner", "site", "origin", "signature")
KEY = RunKey("01980cf2-53a1-7000-8000-0123456789ab", 3)
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


def token(**changes) -> str:
    """Make a token for one request."""
    said = {"method": "GET", "target": "/a?b=1", "secret": SECRET, "expires": 1000}
    return make_token(KEY, **said | changes)


def test_a_signed_job_is_verified(signed):
    """Nothing was changed on its way through the database."""
    verify(signed, SECRET)


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
    later = replace(JOB, options=JobOptions(delay=10 * DAY))
    signed = make_claimed(make_job, sign(later, SECRET, now=0))
    verify(signed, SECRET, now=39 * DAY)
    with pytest.raises(Unsigned, match=r"due 31 days ago.*signed_days.*control panel"):
        verify(signed, SECRET, now=41.1 * DAY)
    verify(signed, SECRET, now=41 * DAY, signed_days=60)


def test_a_job_that_is_run_again_gets_a_new_signature(make_job):
    """For somebody who may; but one that was changed gets none."""
    old = make_claimed(make_job, sign(JOB, SECRET, now=0))
    again = old._replace(signature=renew(old, SECRET, now=100 * DAY))
    verify(again, SECRET, now=101 * DAY)
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


def test_a_token_says_run_method_and_target():
    """Zope compares them with the request."""
    claims = read_token(token(), secret=SECRET)
    assert (claims.key, claims.method, claims.target) == (KEY, "GET", "/a?b=1")


def test_a_token_is_for_one_body():
    """Nobody who reads it on its way can send other data with it."""
    claims = read_token(token(body=b"a=1"), secret=SECRET)
    assert claims.is_for_body(b"a=1")
    assert not claims.is_for_body(b"a=2")
    assert read_token(token(), secret=SECRET).is_for_body(b"")


def test_a_seal_is_for_one_message_to_one_service():
    """One for a harmless service is nothing at another."""
    sealed = seal(b"[]", service="/@@one", secret=SECRET, now=1000)
    check_seal(sealed, b"[]", service="/@@one", secret=SECRET, now=1000)
    with pytest.raises(Unsigned, match="for the service /@@one, not for /@@other"):
        check_seal(sealed, b"[]", service="/@@other", secret=SECRET, now=1000)
    with pytest.raises(Unsigned, match="another message"):
        check_seal(sealed, b"[1]", service="/@@one", secret=SECRET, now=1000)


def test_a_seal_serves_once():
    """Each message has one of its own, also one that says the same again."""
    used = UsedSeals()
    for _ in range(2):
        sealed = seal(b"[]", service="/@@one", secret=SECRET, now=1000)
        check_seal(sealed, b"[]", service="/@@one", secret=SECRET, now=1000, used=used)
        with pytest.raises(Unsigned, match="used already"):
            check_seal(sealed, b"[]", service="/@@one", secret=SECRET, now=1000, used=used)


@pytest.mark.parametrize(
    "bad",
    [
        token(secret=SECRET[::-1]),
        token()[:-4],
        "",
        "a.b.c",
        jwt.encode({"sub": "x", "aud": "coserver-run", "exp": 9e9}, None, algorithm="none"),
        jwt.encode({"sub": "x", "aud": "coserver-run", "exp": 9e9}, SECRET, algorithm="HS256"),
    ],
)
def test_a_bad_token_is_refused(bad):
    """Forged, cut, empty, unsigned, or signed with the secret itself."""
    with pytest.raises(Unsigned):
        read_token(bad, secret=SECRET)


def test_a_token_is_good_until_it_expires():
    """By the time of whoever has the database's clock; no machine's own clock matters."""
    claims = read_token(token(), secret=SECRET)
    claims.check(now=1000)
    with pytest.raises(Unsigned, match="1 s too long ago"):
        claims.check(now=1001)


@given(st.text(max_size=300))
def test_whatever_is_no_token_is_refused_in_one_way(text):
    """A request's header may hold anything."""
    with pytest.raises(Unsigned):
        read_token(text, secret=SECRET)
