"""What Zope's response means, and that its consumer reads exactly that in the answer."""

from __future__ import annotations

import pytest

from coserver_consumer.model.indoubt import run_mark
from coserver_consumer.model.outcome import (
    Cancelled,
    Completed,
    Failed,
    NotTried,
    Obstacle,
    Snoozed,
)
from coserver_consumer.protocol.answer import (
    find_site_hosts,
    judge,
    judge_call,
    judge_unmarked,
    name_request,
    read_answer,
)
from coserver_consumer.protocol.markers import COMPLETED_RUN
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, dump_outcome
from coserver_consumer.protocol.reply import Reply
from coserver_consumer.protocol.run_state import RunState
from support.answers import (
    AGAIN,
    BACKEND,
    FINAL,
    HTML,
    LOGIN,
    MESSAGE,
    PUBLIC,
    ROWS,
    Row,
    name_meaning,
)

DONE = Completed(is_written=True)
HOSTS = frozenset({"127.0.0.1", "www.example.com"})
NEVER_CAME = "Its request never came to be run by Zope."


@pytest.fixture
def job(make_job):
    """A job that was queued at the public address."""
    origin = {"server_url": PUBLIC, "user_folder": "/Plone/acl_users"}
    return make_job(args={"path": "/Plone/@@v?key=hunter2"}, owner="jane", origin=origin)


def judge_row(job, row: Row) -> Completed | Failed:
    """Return what Zope judges of a response."""
    hosts = find_site_hosts(job, [BACKEND])
    return judge(job._replace(task=row.task), row.reply, site_hosts=hosts, limit=1000)


def answer_of(job, outcome) -> Reply:
    """Return what Zope answers when its transaction has committed with such a response."""
    if isinstance(outcome, Completed):
        return Reply(status=200, headers={COMPLETED_RUN.lower(): run_mark(*job.key)}, body=b"")
    return Reply(status=500, headers=MESSAGE, body=dump_outcome(outcome, limit=1000).encode())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_response_means_one_thing(job, row):
    """By its status, by where it sends to, and by what a method has returned."""
    assert name_meaning(judge_row(job, row)) == row.means


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_consumer_reads_what_zope_has_judged(job, row):
    """Completed is completed, and a failure comes over whole."""
    outcome = judge_row(job, row)
    read = read_answer(job, answer_of(job, outcome))
    assert name_meaning(read) == row.means
    assert read == (DONE if isinstance(outcome, Completed) else outcome)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_begun_run_whose_answer_got_lost_is_judged_by_what_came(job, row):
    """A proxy has answered in Zope's place: a failure is the same, and nothing is completed."""
    job = job._replace(task=row.task)
    assert row.headers == MESSAGE or read_answer(job, row.reply) is None
    outcome = judge_unmarked(job, row.reply, RunState.ENDED, site_hosts=HOSTS)
    judged = judge_row(job, row)
    assert isinstance(outcome, Failed)
    assert outcome == judged or (isinstance(judged, Completed) and outcome.retry)


OUTCOMES = [
    Failed(error="no wind", traceback="Traceback", retry=False),
    Snoozed(delay=60),
    Cancelled(reason="nothing to do"),
    NotTried(obstacle=Obstacle.SECRET, reason="another secret"),
]


@pytest.mark.parametrize("status", [200, 302, 401, 404, 500, 503])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_message_holds_whatever_the_status_is(job, outcome, status):
    """The status is for others who see it."""
    reply = Reply(status=status, headers=MESSAGE, body=dump_outcome(outcome).encode())
    assert read_answer(job, reply) == outcome


@pytest.mark.parametrize("status", [200, 302, 401, 404, 500, 503])
@pytest.mark.parametrize("headers", [{}, HTML, MESSAGE])
def test_a_marker_holds_whatever_else_is_there(job, status, headers):
    """The queue has the job as completed."""
    marker = {COMPLETED_RUN.lower(): run_mark(*job.key)}
    reply = Reply(status=status, headers=headers | marker, body=b"{")
    assert read_answer(job, reply) == DONE


@pytest.mark.parametrize("marker", ["{id}:6", "{id}:8", "{id}", ":7", "7", "", "x:7"])
def test_a_marker_of_another_run_says_nothing(job, marker):
    """An earlier run of the job may have been completed by a queue that was restored since."""
    headers = HTML | {COMPLETED_RUN.lower(): marker.format(id=job.id)}
    assert read_answer(job, Reply(status=200, headers=headers, body=b"")) is None


@pytest.mark.parametrize(
    "message",
    [b"", b"{", b"<p>504</p>", dump_outcome(Completed(result=3)).encode(), b'{"outcome": "done"}'],
)
def test_a_message_that_cannot_be_read_is_a_failed_attempt(job, message):
    """It doesn't complete the job either: that takes the marker."""
    outcome = read_answer(job, Reply(status=200, headers=MESSAGE, body=message))
    assert name_meaning(outcome) == AGAIN
    assert "GET /Plone/@@v was answered 200 and with a message that can't be read" in outcome.error


def test_only_the_media_type_makes_a_message(job):
    """With whatever parameters; the same text as JSON is somebody else's."""
    body = dump_outcome(Snoozed(delay=60)).encode()
    for media_type, is_message in (
        (f"{MEDIA_TYPE}; charset=utf-8", True),
        ("application/json", False),
        (f"text/html; {MEDIA_TYPE}", False),
    ):
        reply = Reply(status=200, headers={"content-type": media_type}, body=body)
        assert (read_answer(job, reply) == Snoozed(delay=60)) is is_message


BEGUN, NOT_BEGUN = (RunState.ENDED, RunState.AT_WORK), (RunState.EARLIER, RunState.UNKNOWN)


@pytest.mark.parametrize("status", [200, 302, 401, 404, 500, 502, 504])
def test_a_run_that_has_written_its_end_is_completed(job, status):
    """Its answer got lost, and somebody else's came."""
    reply = Reply(status=status, headers=HTML, body=b"")
    assert judge_unmarked(job, reply, RunState.COMPLETED, site_hosts=HOSTS) == DONE


@pytest.mark.parametrize("state", BEGUN)
@pytest.mark.parametrize(
    ("status", "location", "means", "error"),
    [
        (200, None, AGAIN, "was answered 200, but Zope, which ran the job, hasn't completed it"),
        (302, f"{PUBLIC}/x", AGAIN, "was answered 302, but Zope, which ran the job"),
        (302, f"{PUBLIC}/{LOGIN}", FINAL, "isn't allowed for 'jane' of /Plone/acl_users"),
        (302, "https://evil.example/", FINAL, "was sent to another site, evil.example"),
        (401, None, FINAL, "was answered 401 Unauthorized (as 'jane' of /Plone/acl_users)"),
        (404, None, FINAL, "was answered 404 Not Found"),
        (500, None, AGAIN, "was answered 500 Internal Server Error"),
        (502, None, AGAIN, "was answered 502 Bad Gateway"),
        (504, None, AGAIN, "was answered 504 Gateway Timeout"),
    ],
)
def test_a_run_that_was_begun_is_an_attempt(job, state, status, location, means, error):
    """It isn't tried again and again as if it had never been."""
    headers = HTML | ({"location": location} if location else {})
    reply = Reply(status=status, headers=headers, body=b"")
    outcome = judge_unmarked(job, reply, state, site_hosts=HOSTS)
    assert name_meaning(outcome) == means
    assert error in outcome.error


@pytest.mark.parametrize("state", NOT_BEGUN)
@pytest.mark.parametrize(
    ("status", "headers"),
    [(200, {}), (302, {"location": f"{PUBLIC}/new-name"}), (401, {}), (404, {}), (405, {})],
)
def test_what_no_zope_with_the_add_on_says_is_no_attempt(job, state, status, headers):
    """It is a proxy, another server, or a Zope without the add-on: the job wasn't tried."""
    reply = Reply(status=status, headers=HTML | headers, body=b"<p>hello</p>")
    outcome = judge_unmarked(job, reply, state, site_hosts=HOSTS)
    assert isinstance(outcome, NotTried)
    assert outcome.obstacle is Obstacle.FOREIGN
    assert f"GET /Plone/@@v was answered {status}" in outcome.reason
    assert headers.get("location", "zope_url") in outcome.reason


@pytest.mark.parametrize("state", NOT_BEGUN)
@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_a_server_says_that_finds_no_zope_is_no_attempt(job, state, status):
    """Zope will be there a moment later."""
    reply = Reply(status=status, headers=HTML, body=b"")
    outcome = judge_unmarked(job, reply, state, site_hosts=HOSTS)
    assert outcome == NotTried(obstacle=Obstacle.FOREIGN, reason=NEVER_CAME)


@pytest.mark.parametrize("state", NOT_BEGUN)
@pytest.mark.parametrize(
    ("status", "means"),
    [(400, FINAL), (413, FINAL), (414, FINAL), (431, FINAL), (429, AGAIN), (500, AGAIN)],
)
def test_a_server_before_zope_may_refuse_or_fail(job, state, status, means):
    """What it can't read it won't read later either; what fails may pass."""
    reply = Reply(status=status, headers=HTML, body=b"")
    assert name_meaning(judge_unmarked(job, reply, state, site_hosts=HOSTS)) == means


@pytest.mark.parametrize(
    ("origin", "addresses", "hosts"),
    [
        (None, (), set()),
        ({}, ("",), set()),
        ({"server_url": ""}, (BACKEND,), {"127.0.0.1"}),
        ({"server_url": PUBLIC}, (BACKEND, PUBLIC), {"127.0.0.1", "www.example.com"}),
        ({"server_url": "https://WWW.Example.com:8443"}, (), {"www.example.com"}),
        ({"server_url": "http://[::1]:8080"}, (), {"::1"}),
    ],
)
def test_a_site_has_several_names(make_job, origin, addresses, hosts):
    """That by which its job was queued, and those by which Zope is reached."""
    assert find_site_hosts(make_job(origin=origin), addresses) == hosts


def test_a_function_that_returned_is_completed(job):
    """By what it returned; if nothing did, something else than the function was asked."""
    called = job._replace(task="call", args={"function": "shop.encode"})
    assert judge_call(called, Completed(result=3)) == Completed(result=3)
    failed = judge_call(called, None)
    assert (name_meaning(failed), failed.error[:29]) == (FINAL, "Function shop.encode wasn't c")


def test_who_is_not_allowed_is_named(job):
    """As whom, where, and by which user folder."""
    for status, headers in ((302, {"location": f"{PUBLIC}/{LOGIN}"}), (401, {}), (403, {})):
        outcome = judge_row(job, Row(status=status, headers=headers, means=FINAL))
        assert "GET /Plone/@@v" in outcome.error
        assert "'jane' of /Plone/acl_users" in outcome.error
        assert "hunter2" not in outcome.error


def test_what_is_not_allowed_for_a_visitor_says_so(job):
    """Who owns nothing is Anonymous."""
    row = Row(status=302, headers={"location": "/Plone/login"}, means=FINAL)
    assert judge_row(job._replace(owner=None), row).error == (
        "GET /Plone/@@v isn't allowed for Anonymous, who was sent to the login form /Plone/login."
    )


@pytest.mark.parametrize(
    ("task", "args", "name"),
    [
        ("view", {"path": "/a?b=c", "method": "post"}, "POST /a"),
        ("view", {"path": "/a"}, "GET /a"),
        ("call", {"function": "shop.ship"}, "Function shop.ship"),
        ("xmlrpc", {"path": "/a", "method": "getTitle"}, "POST /a"),
    ],
)
def test_a_request_has_a_name(make_job, task, args, name):
    """That of what it asks for, without its query."""
    assert name_request(make_job(task=task, args=args)) == name
