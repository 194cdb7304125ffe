"""Signatures of jobs and tokens of runs."""

from __future__ import annotations

from dataclasses import asdict

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.errors import Unsigned
from coserver_consumer.job import Job, NewJob, RunKey
from coserver_consumer.signing import make_token, read_token, sign, verify

SECRET = "0123456789abcdef0123456789abcdef"
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
    job = sign(JOB, SECRET)
    return make_job(**{k: v for k, v in asdict(job).items() if k in Job._fields})


def token(**changes) -> str:
    """Make a token for one request."""
    said = {"method": "GET", "target": "/a?b=1", "secret": SECRET, "lifetime": 60}
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
    ],
)
def test_a_changed_job_is_refused(signed, change):
    """Who can write to the database only must not gain a user's rights."""
    with pytest.raises(Unsigned):
        verify(signed._replace(**change), SECRET)


def test_a_job_of_another_secret_is_refused(signed):
    """The message names that possibility."""
    with pytest.raises(Unsigned, match="different secrets"):
        verify(signed, SECRET[::-1])


def test_a_token_says_run_method_and_target():
    """Zope compares them with the request."""
    claims = read_token(token(), secret=SECRET)
    assert (claims.key, claims.method, claims.target) == (KEY, "GET", "/a?b=1")


@pytest.mark.parametrize(
    "bad",
    [
        token(lifetime=-60),
        token(secret=SECRET[::-1]),
        token()[:-4],
        "",
        "a.b.c",
        jwt.encode({"sub": "x", "aud": "coserver-run", "exp": 9e9}, None, algorithm="none"),
        jwt.encode({"sub": "x", "aud": "coserver-run", "exp": 9e9}, SECRET, algorithm="HS256"),
    ],
)
def test_a_bad_token_is_refused(bad):
    """Expired, forged, cut, empty, unsigned, or signed with the secret itself."""
    with pytest.raises(Unsigned):
        read_token(bad, secret=SECRET)


@given(st.text(max_size=300))
def test_whatever_is_no_token_is_refused_in_one_way(text):
    """A request's header may hold anything."""
    with pytest.raises(Unsigned):
        read_token(text, secret=SECRET)
