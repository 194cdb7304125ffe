"""The task ``http`` against a real HTTP server."""

from __future__ import annotations

import json
from threading import Event

import pytest

from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.outcome import Completed, Failed
from coserver_consumer.settings.settings import Settings
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.tasks.http import Http, to_request
from demo.ports import free_port
from support.http_server import Answer, serve


@pytest.fixture
def call(make_job):
    """Run the task for a job with these arguments; only the servers named may be called."""

    def run(allow, *, payload=None, timeout=5.0, **args):
        settings = Settings(
            database="sqlite:///x",
            http_allow=tuple(server.url if hasattr(server, "url") else server for server in allow),
        )
        job = make_job(args=args, payload=payload, timeout=timeout)
        current = CurrentJob(job=job, report=lambda *_: None, is_cancelled=lambda: False)
        try:
            return Http(TaskContext(settings=settings)).run(current)
        except Exception as error:  # noqa: BLE001  the outcome that the executor makes of it
            return getattr(error, "outcome", error)

    return run


def plain(_call):
    """Answer in the plainest way."""
    return Answer()


def test_a_url_is_called_and_its_answer_is_the_result(call):
    """Status, content type and text."""
    with serve(plain) as server:
        outcome = call([server], url=f"{server.url}/a b?x=1", params={"y": ["2", "3"]})
    assert outcome == Completed(
        result={"status": 200, "content_type": "text/plain", "body": "hello"}
    )
    assert server.calls[0].target == "/a%20b?x=1&y=2&y=3"


def test_method_headers_and_json_are_sent(call):
    """A webhook."""
    with serve(plain) as server:
        call([server], url=server.url, method="post", json={"a": 1}, headers={"X-Key": "k"})
    [request] = server.calls
    assert (request.method, json.loads(request.body)) == ("POST", {"a": 1})
    assert request.headers["x-key"] == "k"
    assert request.headers["content-type"] == "application/json"


def test_the_payload_is_the_body(call):
    """Bytes that aren't JSON."""
    with serve(plain) as server:
        call([server], url=server.url, method="PUT", payload=b"\x00\xff")
    assert server.calls[0].body == b"\x00\xff"


def test_an_address_off_the_list_is_not_called(call):
    """Nothing is sent at all."""
    with serve(plain) as server, serve(plain) as other:
        outcome = call([other], url=server.url)
    assert isinstance(outcome, InvalidJob)
    assert not server.calls


def test_a_redirect_on_the_list_is_followed_by_a_get(call):
    """As browsers do after a POST; headers that described the body are gone."""

    def answer(request):
        return (
            Answer(status=303, headers={"Location": "/there"})
            if request.target == "/"
            else Answer(body=b"there")
        )

    with serve(answer) as server:
        outcome = call([server], url=server.url, method="POST", json={})
    assert outcome.result["body"] == "there"
    assert [each.method for each in server.calls] == ["POST", "GET"]
    assert "content-type" not in server.calls[1].headers


def test_a_redirect_that_keeps_the_method_sends_the_body_again(call):
    """307 and 308."""

    def answer(request):
        return (
            Answer(status=307, headers={"Location": "/there"})
            if request.target == "/"
            else Answer()
        )

    with serve(answer) as server:
        call([server], url=server.url, method="POST", body="text")
    assert [(each.method, each.body) for each in server.calls] == [("POST", b"text")] * 2


def test_a_redirect_off_the_list_is_never_followed(call):
    """An allowed server must not lead a consumer into the network behind it."""
    with serve(plain) as inner:
        to_inner = Answer(status=302, headers={"Location": f"{inner.url}/secret"})
        with serve(lambda _: to_inner) as server:
            outcome = call([server], url=server.url)
    assert isinstance(outcome, InvalidJob)
    assert "isn't on this consumer's list" in str(outcome)
    assert not inner.calls


OWN = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "k", "PRIVATE-TOKEN": "t"}
PLAIN = {"Accept": "text/csv", "Accept-Language": "de", "User-Agent": "us"}


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_to_another_host_takes_only_harmless_headers_along(call, status):
    """Nobody knows which of the others are secrets."""
    with serve(plain) as other:
        moved = Answer(status=status, headers={"Location": other.url})
        with serve(lambda _: moved) as server:
            call([server, other], url=server.url, headers=OWN | PLAIN)
    headers = other.calls[0].headers
    assert not headers.keys() & {name.lower() for name in OWN}
    assert {name: headers[name.lower()] for name in PLAIN} == PLAIN


def test_a_redirect_on_the_same_host_takes_all_headers_along(call):
    """An API that moves a resource still wants its key."""
    with serve(
        lambda request: (
            Answer(status=307, headers={"Location": "/there"})
            if request.target == "/"
            else Answer()
        )
    ) as server:
        call([server], url=server.url, headers=OWN)
    assert {name: server.calls[1].headers[name.lower()] for name in OWN} == OWN


def test_redirects_in_a_circle_come_to_an_end(call):
    """And fail, since another try would go round as well."""
    with serve(lambda _: Answer(status=302, headers={"Location": "/"})) as server:
        outcome = call([server], url=server.url)
    assert isinstance(outcome, Failed)
    assert not outcome.retry
    assert len(server.calls) == 6


@pytest.mark.parametrize(("status", "is_retried"), [(404, False), (503, True)])
def test_an_error_status_is_a_failure(call, status, is_retried):
    """It is tried again if it may pass."""
    with serve(lambda _: Answer(status=status)) as server:
        outcome = call([server], url=f"{server.url}/x?key=hunter2")
    assert (isinstance(outcome, Failed), outcome.retry) == (True, is_retried)
    assert "hunter2" not in outcome.error


def test_nobody_there_is_a_failure_that_is_tried_again(call):
    """The message has the address without its query."""
    address = f"http://127.0.0.1:{free_port()}"
    outcome = call([address], url=f"{address}/x?key=hunter2")
    assert isinstance(outcome, Failed)
    assert outcome.retry
    assert "no connection" in outcome.error
    assert "hunter2" not in outcome.error


def test_a_connection_that_breaks_is_a_failure_that_is_tried_again(call):
    """Half an answer isn't taken for one."""
    with serve(lambda _: Answer(body=b"x" * 1000, breaks=True)) as server:
        outcome = call([server], url=server.url)
    assert isinstance(outcome, Failed)
    assert outcome.retry
    assert "the connection broke" in outcome.error


def test_an_answer_that_does_not_come_in_time_is_a_failure_that_is_tried_again(call):
    """The job's timeout counts."""
    done = Event()

    def wait(_call):
        done.wait(10)
        return Answer()

    with serve(wait) as server:
        outcome = call([server], url=server.url, timeout=0.2)
        done.set()
    assert isinstance(outcome, Failed)
    assert outcome.retry
    assert "no answer within 0.2 s" in outcome.error


def test_the_time_of_a_job_is_for_all_of_its_redirects(call):
    """One that dallies at each of them doesn't get more of it."""

    def dally(_call):
        Event().wait(0.15)
        return Answer(status=302, headers={"Location": "/"})

    with serve(dally) as server:
        outcome = call([server], url=server.url, timeout=0.5)
    assert "no answer within" in outcome.error
    assert outcome.retry


def test_a_large_answer_is_cut(call):
    """The result says so."""
    with serve(lambda _: Answer(body=b"x" * 1_000_000)) as server:
        outcome = call([server], url=server.url)
    assert outcome.result["is_cut"]
    assert len(json.dumps(outcome.result)) <= 65_536


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ({}, "'url'"),
        ({"url": 3}, "'url'"),
        ({"url": "http://x", "methd": "GET"}, "methd"),
        ({"url": "http://x", "method": "CONNECT"}, "CONNECT"),
        ({"url": "http://x", "headers": "a: b"}, "'headers'"),
    ],
)
def test_a_wrong_argument_is_named(call, args, named):
    """It fails at once."""
    outcome = call(["http://x"], **args)
    assert isinstance(outcome, InvalidJob)
    assert named in str(outcome)


@pytest.mark.parametrize(
    "headers", [{"X-Key": "Bearer secret\nX: y"}, {"X-Key: secret": "x"}], ids=["value", "name"]
)
def test_a_header_that_can_not_be_sent_is_not_repeated(headers):
    """Its value may be a key, and the error is kept with the job."""
    with pytest.raises(InvalidJob) as refused:
        to_request({"url": "http://127.0.0.1/", "headers": headers}, None)
    assert "secret" not in str(refused.value)


def test_a_header_may_be_any_text():
    """It goes over the wire as UTF-8."""
    headers = {"X-Title": "\u00e4 \U0001f600"}
    request = to_request({"url": "http://127.0.0.1/", "headers": headers}, None)
    assert request.headers["X-Title"].encode("latin-1").decode() == "\u00e4 \U0001f600"
