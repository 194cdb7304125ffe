"""The request that is made of a ``view`` job."""

from __future__ import annotations

import pytest

from coserver_consumer.errors import InvalidJob
from coserver_consumer.protocol.headers import RESERVED
from coserver_consumer.protocol.request import MAX_HEAD_BYTES, make_request


@pytest.fixture
def target(make_job):
    """Make the request for a view job with these arguments."""

    def make(path="/Plone/@@import", *, job=None, **args):
        return make_request(make_job(task="view", args={"path": path, **args}, **job or {}))

    return make


def test_a_plain_job_is_a_get_of_its_path(target):
    """No virtual host was in the way when it was queued."""
    request = target()
    assert (request.method, request.target, request.body) == ("GET", "/Plone/@@import", None)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_params_go_into_the_query(target, method):
    """After a query that the path has already."""
    request = target("/a?x=1", method=method, params={"b": "\u00e4 &", "c": ["1", "2"]})
    assert request.target == "/a?x=1&b=%C3%A4+%26&c=1&c=2"
    assert request.body is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_params_are_a_form_where_a_body_is_usual(target, method):
    """As a browser sends a form."""
    request = target(method=method, params={"a": "1"})
    assert (request.target, request.body) == ("/Plone/@@import", b"a=1")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_params_leave_a_payload_alone(target):
    """The payload is the body, so they go into the query."""
    request = target(method="POST", params={"a": "1"}, job={"payload": b"{}"})
    assert (request.target, request.body) == ("/Plone/@@import?a=1", b"{}")


@pytest.mark.parametrize("path", ["/Plone/a b/50%25/\u00e4", "/Plone/a%20b/50%25/%C3%A4"])
def test_a_path_is_quoted(target, path):
    """Whether or not it was before."""
    request = target(path)
    assert request.target == "/Plone/a%20b/50%25/%C3%A4"


def test_a_quoted_question_mark_begins_no_query(target):
    """Not where somebody typed it into what became a step of the path."""
    request = target("/Plone/what%3Fx=1/@@view?y=2")
    assert request.target == "/Plone/what%3Fx=1/@@view?y=2"


@pytest.mark.parametrize(
    ("query", "spelled"),
    [("a=%c3%a4", "a=%C3%A4"), ("a=100%", "a=100%25"), ("a=b c", "a=b%20c"), ("a=#", "a=%23")],
)
def test_a_query_is_spelled_as_it_goes_over_the_wire(target, query, spelled):
    """The token names it to the letter."""
    assert target(f"/a?{query}").target == f"/a?{spelled}"


ORIGIN = {"server_url": "https://www.example.com", "root": "/Plone", "prefix": []}


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (
            ORIGIN,
            "/VirtualHostBase/https/www.example.com:443/Plone/VirtualHostRoot/news/@@import",
        ),
        (
            ORIGIN | {"server_url": "http://localhost:8080", "root": ""},
            "/VirtualHostBase/http/localhost:8080/VirtualHostRoot/Plone/news/@@import",
        ),
        (
            ORIGIN | {"prefix": ["_vh_a", "_vh_b"]},
            "/VirtualHostBase/https/www.example.com:443/Plone/VirtualHostRoot/_vh_a/_vh_b/news/@@import",
        ),
        (
            ORIGIN | {"server_url": "http://[::1]:8080"},
            "/VirtualHostBase/http/[::1]:8080/Plone/VirtualHostRoot/news/@@import",
        ),
        *(
            (
                ORIGIN | {"root": root},
                "/VirtualHostBase/https/www.example.com:443/VirtualHostRoot/Plone/news/@@import",
            )
            for root in ("/Plo", "/Other", "/Plone/news/en")
        ),
        (ORIGIN | {"server_url": ""}, "/Plone/news/@@import"),
        ({"language": "de"}, "/Plone/news/@@import"),
        (None, "/Plone/news/@@import"),
    ],
)
def test_the_virtual_host_of_the_queuing_request_is_restored(target, origin, expected):
    """Links that the job writes are then the public ones, also of a path that lies outside."""
    request = target("/Plone/news/@@import", job={"origin": origin})
    assert request.target.replace("%5B", "[").replace("%5D", "]") == expected


def test_a_job_of_the_root_itself_ends_in_a_slash(target):
    """Zope needs something to publish."""
    assert target("/Plone", job={"origin": ORIGIN}).target.endswith("/Plone/VirtualHostRoot/")


def test_the_job_is_told_in_headers(target):
    """Under the names that collective.taskqueue used, as UTF-8 on the wire."""
    headers = target(job={"owner": "\u00e4da", "origin": {"language": "de"}}).headers
    assert headers["X-Task-Id"] == "01980cf2-53a1-7000-8000-0123456789ab"
    assert headers["X-Task-Queue"] == "default"
    assert headers["X-Task-User-Id"].encode("latin-1").decode("utf-8") == "\u00e4da"
    assert headers["Accept-Language"] == "de"


def test_an_anonymous_job_names_no_user(target):
    """There is none."""
    assert "X-Task-User-Id" not in target(job={"owner": None}).headers


@pytest.mark.parametrize("name", [*sorted(RESERVED), "X-Task-User-Id", "X-Forwarded-For"])
def test_a_job_cannot_speak_for_the_consumer(target, name):
    """Nor is it dropped in silence."""
    with pytest.raises(InvalidJob, match=name):
        target(headers={name: "forged", "Accept": "text/html"})
    assert target(headers={"Accept": "text/html"}).headers["Accept"] == "text/html"


def test_no_message_repeats_a_header(target):
    """Its value may be a key."""
    for headers in ({"X-Key": "secret\n"}, ["secret"], {"secret : x": "y"}):
        with pytest.raises(InvalidJob) as refused:
            target(headers=headers)
        assert "secret" not in str(refused.value)


def test_a_head_has_its_limit(target):
    """Web servers have one, and say so less clearly."""
    fits = {"x": "y" * (MAX_HEAD_BYTES - 100)}
    assert target(params=fits).target.endswith("y")
    with pytest.raises(InvalidJob, match="method POST"):
        target(params={"x": "y" * MAX_HEAD_BYTES})
    with pytest.raises(InvalidJob, match="address and headers"):
        target(headers={"X-Long": "y" * MAX_HEAD_BYTES})
    assert len(target(method="POST", params={"x": "y" * MAX_HEAD_BYTES}).body) > MAX_HEAD_BYTES


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ({"path": "Plone"}, "physical path"),
        ({"path": "//evil.example"}, "physical path"),
        ({"path": ""}, "physical path"),
        ({"path": 3}, "'path'"),
        ({"path": "/a", "method": "TRACE"}, "TRACE"),
        ({"path": "/a", "params": "x=1"}, "'params'"),
        ({"path": "/a", "headers": []}, "'headers'"),
    ],
)
def test_a_wrong_argument_is_named(make_job, args, named):
    """Any program can write a row."""
    with pytest.raises(InvalidJob, match=named):
        make_request(make_job(args=args))
