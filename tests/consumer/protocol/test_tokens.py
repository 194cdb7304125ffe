"""Tokens of runs, and seals of messages."""

from __future__ import annotations

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.errors import Unsigned
from coserver_consumer.model.job import RunKey
from coserver_consumer.protocol.tokens import UsedSeals, check_seal, make_token, read_token, seal

SECRET = "0123456789abcdef0123456789abcdef"
KEY = RunKey("01980cf2-53a1-7000-8000-0123456789ab", 3)


def token(**changes) -> str:
    """Make a token for one request."""
    said = {"method": "GET", "target": "/a?b=1", "secret": SECRET, "expires": 1000}
    return make_token(KEY, **said | changes)


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
