"""What Zope's response means, and that its consumer understands exactly that."""

from __future__ import annotations

import pytest

from coserver_consumer.model.indoubt import run_mark
from coserver_consumer.model.outcome import Completed, Failed, NotTried, Obstacle
from coserver_consumer.protocol.answer import describe, judge, judge_call, understand
from coserver_consumer.protocol.markers import ENDED
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, dump_outcome
from coserver_consumer.protocol.reply import Reply

BACKEND = "http://127.0.0.1:8080"
PUBLIC = "https://www.example.com"
LOGIN = "acl_users/credentials_cookie_auth/require_login?came_from=x"
HTML = {"content-type": "text/html"}
WORDS = {"content-type": MEDIA_TYPE}

COMPLETED, AGAIN, FINAL = "completed", "failed, is tried again", "failed for good"

# task, status, headers, body, what it means
ANSWERS = [
    ("view", 200, HTML, b"<p>done</p>", COMPLETED),
    ("view", 201, {}, b"", COMPLETED),
    ("view", 204, {}, b"", COMPLETED),
    ("view", 200, WORDS, dump_outcome(Failed(error="made up")).encode(), COMPLETED),
    ("view", 200, WORDS, b"{", COMPLETED),
    ("view", 301, {"location": "/Plone"}, b"", COMPLETED),
    ("view", 302, {"location": "view"}, b"", COMPLETED),
    ("view", 303, {"location": f"{BACKEND}/Plone"}, b"", COMPLETED),
    ("view", 307, {"location": f"{PUBLIC}/login/x"}, b"", COMPLETED),
    ("view", 302, {"location": "https://WWW.example.com:443/x"}, b"", COMPLETED),
    ("view", 302, {"location": "https://evil.example/"}, b"", FINAL),
    ("view", 302, {"location": f"{PUBLIC}/{LOGIN}"}, b"", FINAL),
    ("view", 302, {"location": f"{BACKEND}/Plone/{LOGIN}"}, b"", FINAL),
    ("view", 302, {"location": "/Plone/login"}, b"", FINAL),
    ("view", 302, {"location": "/Plone/@@login?came_from=x"}, b"", FINAL),
    ("view", 302, {"location": "failsafe_login/"}, b"", FINAL),
    ("view", 304, {}, b"", FINAL),
    ("view", 400, {}, b"", FINAL),
    ("view", 401, {}, b"", FINAL),
    ("view", 403, {}, b"", FINAL),
    ("view", 404, HTML, b"", FINAL),
    ("view", 422, {}, b"", FINAL),
    ("view", 408, {}, b"", AGAIN),
    ("view", 425, {}, b"", AGAIN),
    ("view", 429, {"retry-after": "7"}, b"", AGAIN),
    ("view", 500, HTML, b"<p>Oops</p>", AGAIN),
    ("view", 503, {}, b"", AGAIN),
    ("xmlrpc", 200, {"content-type": "text/xml"}, b"<p>not XML-RPC</p>", FINAL),
    ("xmlrpc", 400, {}, b"", FINAL),
]


@pytest.fixture
def job(make_job):
    """A job that was queued at the public address."""
    origin = {"server_url": PUBLIC, "user_folder": "/Plone/acl_users"}
    return make_job(args={"path": "/Plone/@@v?key=hunter2"}, owner="jane", origin=origin)


def asked_of(job):
    """Return the job's request to a Zope that was reached at its own address."""
    return describe(job, addresses=(PUBLIC, BACKEND), limit=1000)


def answer_of(job, outcome) -> Reply:
    """Return what Zope says when its transaction has committed with a response that means this."""
    if isinstance(outcome, Completed):
        return Reply(status=200, headers={ENDED.lower(): run_mark(*job.key)}, body=b"")
    return Reply(status=500, headers=WORDS, body=dump_outcome(outcome, limit=1000).encode())


def name(outcome) -> str:
    """Return which of the three it is."""
    if isinstance(outcome, Completed):
        return COMPLETED
    assert isinstance(outcome, Failed)
    return AGAIN if outcome.retry else FINAL


@pytest.mark.parametrize(("task", "status", "headers", "body", "meaning"), ANSWERS)
def test_both_sides_judge_an_answer_alike(job, task, status, headers, body, meaning):
    """Zope by the response, its consumer by what Zope says of it.

    Without that word nothing is completed.
    """
    job = job._replace(task=task)
    reply = Reply(status=status, headers=headers, body=body)
    outcome = judge(asked_of(job), reply)
    heard = understand(job, answer_of(job, outcome))
    assert (name(outcome), name(heard)) == (meaning, meaning)
    assert isinstance(heard, Completed) or heard == outcome
    assert not isinstance(understand(job, reply), Completed)


def test_a_function_that_returned_is_completed(job):
    """By what it returned; if nothing did, something else than the function was asked."""
    asked = asked_of(job._replace(task="call", args={"function": "shop.encode"}))
    assert judge_call(asked, Completed(result=3)) == Completed(result=3)
    failed = judge_call(asked, None)
    assert (name(failed), failed.error[:29]) == (FINAL, "Function shop.encode wasn't c")


def test_who_is_not_allowed_is_named(job):
    """As whom, where, and by which user folder."""
    for status, headers in ((302, {"location": f"{PUBLIC}/{LOGIN}"}), (401, {}), (403, {})):
        outcome = judge(asked_of(job), Reply(status=status, headers=headers, body=b""))
        assert "GET /Plone/@@v" in outcome.error
        assert "'jane' of /Plone/acl_users" in outcome.error
        assert "hunter2" not in outcome.error


def test_what_is_not_allowed_for_a_visitor_says_so(job):
    """Who owns nothing is Anonymous."""
    reply = Reply(status=302, headers={"location": "/Plone/login"}, body=b"")
    outcome = judge(asked_of(job._replace(owner=None)), reply)
    assert outcome.error == (
        "GET /Plone/@@v isn't allowed for Anonymous, who was sent to the login form /Plone/login."
    )


@pytest.mark.parametrize(
    ("status", "headers"),
    [(200, {}), (302, {"location": f"{PUBLIC}/new-name"}), (401, {}), (404, {}), (405, {})],
)
def test_what_no_zope_with_the_add_on_says_is_no_attempt(job, status, headers):
    """It is a proxy, another server, or a Zope without the add-on: the job wasn't tried."""
    outcome = understand(job, Reply(status=status, headers=HTML | headers, body=b"<p>hello</p>"))
    assert isinstance(outcome, NotTried)
    assert outcome.obstacle is Obstacle.FOREIGN
    assert f"GET /Plone/@@v was answered {status}" in outcome.reason
    assert headers.get("location", "zope_url") in outcome.reason


@pytest.mark.parametrize(
    ("status", "retry"),
    [(400, False), (413, False), (414, False), (431, False), (429, True), (500, True), (504, True)],
)
def test_a_server_before_zope_may_refuse_or_fail(job, status, retry):
    """What it can't read it won't read later either; what fails may pass."""
    outcome = understand(job, Reply(status=status, headers=HTML, body=b""))
    assert isinstance(outcome, Failed)
    assert outcome.retry is retry


@pytest.mark.parametrize(
    ("task", "args", "said"),
    [
        ("view", {"path": "/a?b=c", "method": "post"}, "POST /a"),
        ("view", {"path": "/a"}, "GET /a"),
        ("call", {"function": "shop.ship"}, "Function shop.ship"),
        ("xmlrpc", {"path": "/a", "method": "getTitle"}, "POST /a"),
    ],
)
def test_a_request_has_a_name(make_job, task, args, said):
    """That of what it asks for, without its query."""
    asked = describe(make_job(task=task, args=args), addresses=(), limit=1)
    assert asked.name == said
