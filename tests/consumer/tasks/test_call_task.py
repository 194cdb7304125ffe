"""The task ``call``, against a real HTTP server in Zope's place."""

from __future__ import annotations

import pytest

from coserver_consumer.model.current_job import CurrentJob
from coserver_consumer.model.outcome import Completed, Snoozed
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, dump_outcome
from coserver_consumer.protocol.tokens import read_token
from coserver_consumer.settings.settings import Settings
from coserver_consumer.tasks.call import Call
from coserver_consumer.tasks.context import TaskContext
from support.http_server import Answer, ran, serve

SECRET = "0123456789abcdef0123456789abcdef"
ARGS = {"function": "shop.orders.ship", "args": ["secret of the shop"], "kwargs": {}}


def answer(outcome) -> Answer:
    """Return Zope's answer with an outcome."""
    message = dump_outcome(outcome).encode()
    return Answer(status=503, headers={"Content-Type": MEDIA_TYPE}, body=message)


@pytest.fixture
def run(make_job):
    """Run a job of the task on a consumer of that server."""

    def run(server, **changes):
        settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(server.url,))
        job = make_job(task="call", args=ARGS, payload=b"x", **changes)
        current = CurrentJob(job=job, report=lambda *_: None, is_cancelled=lambda: False)
        return Call(TaskContext(settings=settings)).run(current)

    return run


@pytest.mark.parametrize(
    ("site", "target"), [("/Plone", "/Plone/@@coserver-call"), (None, "/@@coserver-call")]
)
def test_zope_is_asked_at_the_jobs_site_and_finds_the_arguments_itself(run, site, target):
    """They are in the store, signed, and don't travel twice."""
    with serve(lambda call: ran(call, secret=SECRET)) as server:
        assert run(server, site=site) == Completed(is_written=True)
    [call] = server.calls
    assert (call.method, call.target, call.body) == ("POST", target, b"")
    claims = read_token(call.headers["authorization"].split()[1], secret=SECRET)
    assert (claims.method, claims.target) == ("POST", target)


def test_a_function_decides_how_its_attempt_ends(run):
    """Whatever the status says to others."""
    with serve(lambda _: answer(Snoozed(delay=60))) as server:
        assert run(server) == Snoozed(delay=60)
