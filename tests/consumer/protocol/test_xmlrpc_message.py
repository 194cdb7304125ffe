"""XML-RPC without a Zope: calls, answers, and what they mean for a job."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from xmlrpc.client import Fault, dumps, loads

import pytest

from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.outcome import Completed, Failed
from coserver_consumer.protocol.answer import judge
from coserver_consumer.protocol.reply import Reply
from coserver_consumer.protocol.xmlrpc_message import write_call
from coserver_consumer.tasks.xmlrpc import as_request


@pytest.fixture
def judge_body(make_job):
    """Judge an answer to a job of the task."""
    job = make_job(task="xmlrpc", args={"path": "/x"})

    def judge_body(body: bytes, *, status=200, content_type="text/xml", **more):
        reply = Reply(status=status, headers={"content-type": content_type}, body=body, **more)
        return judge(job, reply, site_hosts=frozenset(), limit=300)

    return judge_body


def answer(value) -> bytes:
    """Return the answer that a method which returns the value gives."""
    body = value if isinstance(value, Fault) else (value,)
    return dumps(body, methodresponse=True, allow_none=True).encode()


def test_a_call_is_a_post_of_xml(make_job):
    """Its arguments come as they were queued."""
    args = {"path": "/Plone", "method": "a.b", "args": ["\u00e4", {"$": "bytes", "value": "AP8="}]}
    request = as_request(make_job(args=args))
    assert request.method == "POST"
    assert request.headers["Content-Type"].startswith("text/xml")
    assert loads(request.body, use_builtin_types=True) == (("\u00e4", b"\x00\xff"), "a.b")


@pytest.mark.parametrize("argument", [2**31, Decimal(1), {1: 2}, {"a"}, object()])
def test_an_argument_that_xmlrpc_does_not_know_is_refused(argument):
    """The message names the method."""
    with pytest.raises(InvalidJob, match="an argument of ship"):
        write_call("ship", [argument])


@pytest.mark.parametrize("method", ["", "a b", "../a", "a?b", "a<b"])
def test_a_name_that_no_method_has_is_refused(method):
    """It would lead the request elsewhere."""
    with pytest.raises(InvalidJob, match="can't name a method"):
        write_call(method, [])


@pytest.mark.parametrize("args", [{}, {"method": 1}, {"method": "a", "args": {}}])
def test_arguments_of_another_shape_are_refused(make_job, args):
    """Some other program may have written the row."""
    with pytest.raises(InvalidJob, match="wants 'method' as text"):
        as_request(make_job(args=args))


def test_what_was_returned_is_the_result(judge_body):
    """As JSON that can be read back."""
    moment = datetime(2026, 1, 2, tzinfo=UTC).replace(tzinfo=None)
    assert judge_body(answer([1, moment])) == Completed(
        result=[1, {"$": "datetime", "value": ["2026-01-02T00:00:00", None]}]
    )


def test_a_fault_is_no_reason_to_try_again(judge_body):
    """It has code and text."""
    outcome = judge_body(answer(Fault(3, "no such harbour")))
    assert outcome == Failed(
        error="POST /x was answered with fault 3: no such harbour", retry=False
    )


@pytest.mark.parametrize(
    ("body", "more"), [(answer("x" * 400), {}), (b"<methodResponse>", {"is_cut": True})]
)
def test_a_result_that_is_too_large_is_not_kept(judge_body, body, more):
    """The work is done all the same."""
    outcome = judge_body(body, **more)
    assert isinstance(outcome, Completed)
    assert outcome.result["$"] == "not kept"


@pytest.mark.parametrize("body", [b"", b"hello", b"<a>", b"<methodCall/>"])
def test_an_answer_that_cannot_be_read_fails_the_job(judge_body, body):
    """Zope has committed: again would be twice."""
    outcome = judge_body(body)
    assert isinstance(outcome, Failed)
    assert not outcome.retry


def test_a_page_is_no_answer(judge_body):
    """A method that sets a content type of its own, say."""
    outcome = judge_body(b"<p>hello</p>", content_type="text/html")
    assert outcome == Failed(error="POST /x was not answered in XML-RPC.", retry=False)


def test_where_xmlrpc_is_off_the_error_says_how_to_turn_it_on(judge_body):
    """Zope says only that the request isn't supported."""
    outcome = judge_body(b"", status=400, content_type="text/html")
    assert isinstance(outcome, Failed)
    assert "enable-xmlrpc on" in outcome.error
