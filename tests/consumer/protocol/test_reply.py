"""What an HTTP answer means for the attempt."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.model.outcome import Completed, Failed
from coserver_consumer.protocol.reply import Reply, find_retry_after, judge_status, make_result

HTML = {"content-type": "text/html; charset=utf-8"}


def conclude(status: int, body: bytes = b"", **headers: str):
    """Return the outcome of an answer."""
    reply = Reply(status=status, headers=HTML | headers, body=body)
    return judge_status(reply, name="GET /a", limit=1000)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_success_completes_with_status_type_and_text(status):
    """That is the job's result."""
    assert conclude(status, b"\xc3\xa4") == Completed(
        result={"status": status, "content_type": "text/html; charset=utf-8", "body": "\u00e4"}
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 422, 304, 302, 300])
def test_a_refusal_is_a_failure_at_once(status):
    """Another try would be refused as well."""
    outcome = conclude(status)
    assert isinstance(outcome, Failed)
    assert not outcome.retry
    assert str(status) in outcome.error


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_passing_trouble_is_tried_again(status):
    """When the server asks for."""
    outcome = conclude(status, b"<h1>Oops</h1>", **{"retry-after": "120"})
    assert isinstance(outcome, Failed)
    assert outcome.retry
    assert outcome.retry_after == 120
    assert outcome.traceback == "<h1>Oops</h1>"


def test_a_reason_in_plain_text_is_in_the_error():
    """Zope's side says in one line why it refuses a token."""
    outcome = conclude(401, b"The token is not good\n", **{"content-type": "text/plain"})
    assert outcome.error == "GET /a was answered 401 Unauthorized: The token is not good"


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("5", 5),
        ("Wed, 21 Oct 2015 07:28:10 GMT", 10),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0),
        ("99999999999", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_has_seconds_or_a_date(header, wait):
    """RFC 9110, 10.2.3; a wait of years isn't heeded."""
    reply = Reply(status=503, headers={"retry-after": header}, body=b"")
    assert find_retry_after(reply, now=1_445_412_480) == wait


def test_a_body_that_is_no_text_is_not_kept():
    """Nobody reads a PDF in a job's result."""
    result = make_result(
        Reply(status=200, headers={"content-type": "application/pdf"}, body=b"%PDF"), limit=1000
    )
    assert result["body"] is None


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "no-such-charset", "utf-16", ""])
def test_any_bytes_become_text(charset):
    """Also those that aren't what their charset says, and NUL, which PostgreSQL can't hold."""
    reply = Reply(
        status=200, headers={"content-type": f"text/plain; charset={charset}"}, body=b"a\0\xff\xfe"
    )
    assert "\0" not in reply.text


@given(st.text(max_size=500), st.integers(min_value=100, max_value=400))
def test_a_result_always_fits(text, limit):
    """Its JSON is what the store measures; what doesn't fit is cut, and said to be."""
    result = make_result(Reply(status=200, headers=HTML, body=text.encode()), limit=limit)
    assert len(json.dumps(result)) <= limit
    if "is_cut" not in result:
        assert result["body"] == text.replace("\0", "\N{REPLACEMENT CHARACTER}")
