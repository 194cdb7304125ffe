"""Several Zope instances: real HTTP servers in their place."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest

from coserver_consumer.errors import ZopeUnavailable
from coserver_consumer.model.outcome import Failed, NotTried, Obstacle, Released
from coserver_consumer.protocol.handshake import Greeting
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, dump_outcome
from coserver_consumer.protocol.request import make_request
from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.http_transport import HttpTransport
from coserver_consumer.zope.instances import Instances
from coserver_consumer.zope.service import ZopeBusy
from demo.ports import free_port
from support.http_server import Answer, ran, serve
from support.waiting import wait_for
from support.zope_services import ZopeServices

SECRET = "0123456789abcdef0123456789abcdef"
GREETING = Greeting(process="1", now=0, knows=True)


@pytest.fixture
def make_transport():
    """Make a transport to these addresses."""

    def make(*urls, **settings):
        return HttpTransport(
            Settings(database="sqlite:///x", secret=SECRET, zope_url=urls, **settings)
        )

    return make


def send(transport, job):
    """Have the transport run a view's job."""
    return transport.send(job, make_request(job))


def nowhere() -> str:
    """Return an address where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


class Greeter:
    """Greets as long as there is no trouble; ``asked`` are the addresses."""

    def __init__(self):
        self.trouble = None
        self.asked = []

    def __call__(self, url):
        """Answer for an instance."""
        self.asked.append(url)
        if self.trouble is not None:
            raise self.trouble
        return GREETING


def test_the_least_busy_instance_is_asked(make_transport, make_job):
    """Four requests at once are two for each of two."""
    gate = Event()

    def answer(call):
        gate.wait(30)
        return ran(call, secret=SECRET)

    zope = ZopeServices(secret=SECRET, answer=answer)
    job = make_job(args={"path": "/x"}, run=1)
    with serve(zope) as one, serve(zope) as two, ThreadPoolExecutor(4) as pool:
        transport = make_transport(one.url, two.url)
        sent = [pool.submit(send, transport, job) for _ in range(4)]
        wait_for(lambda: len(one.calls + two.calls) == 4, what="all requests")
        counts = len(one.calls), len(two.calls)
        gate.set()
        assert not any(isinstance(each.result(), Released) for each in sent)
    assert counts == (2, 2)


def test_a_job_goes_to_another_instance_if_no_connection_can_be_made(
    make_transport, make_job, caplog
):
    """It isn't the job's fault: no attempt fails. The log says it once."""
    away = nowhere()
    with serve(ZopeServices(secret=SECRET)) as server:
        transport = make_transport(away, server.url)
        for _ in range(10):
            outcome = send(transport, make_job(args={"path": "/x"}, run=1))
            assert not isinstance(outcome, Released)
    assert len(server.calls) == 10
    assert caplog.text.count(f"Zope at {away} gets no jobs") == 1


def test_what_an_instance_may_have_heard_is_not_sent_again(make_transport, make_job):
    """It may have done the work before the connection broke."""
    zope = ZopeServices(secret=SECRET, answer=lambda _: Answer(breaks=True))
    with ExitStack() as stack:
        servers = [stack.enter_context(serve(zope)) for _ in range(2)]
        transport = make_transport(*(server.url for server in servers))
        outcome = send(transport, make_job(args={"path": "/x"}, run=1))
    assert isinstance(outcome, Failed)
    assert "the connection broke" in outcome.error
    assert [call.target for call in servers[0].calls + servers[1].calls].count("/x") == 1


def test_a_job_that_no_instance_can_run_is_given_back(make_transport, make_job):
    """No try was made, so it is no attempt; and nobody tries until one answers."""
    urls = [nowhere(), nowhere()]
    transport = make_transport(*urls)
    changes = []
    transport.instances.changed = lambda: changes.append(transport.instances.trouble)
    for _ in range(2):
        assert send(transport, make_job(args={"path": "/x"}, run=1)) == Released()
    assert all(url in changes[-1] for url in urls)
    assert len(changes) == 2


def test_one_instance_with_another_secret_is_left_out_alone(make_transport, make_job, caplog):
    """The jobs that it refuses go to the others."""
    said = dump_outcome(NotTried(obstacle=Obstacle.SECRET, reason="The token is not good."))
    refused = Answer(status=401, headers={"Content-Type": MEDIA_TYPE}, body=said.encode())
    other = ZopeServices(secret=SECRET[::-1], answer=lambda _: refused)
    with serve(other) as wrong, serve(ZopeServices(secret=SECRET)) as right:
        transport = make_transport(wrong.url, right.url)
        for _ in range(10):
            outcome = send(transport, make_job(args={"path": "/x"}, run=1))
            assert not isinstance(outcome, Released)
        transport.instances.check()
    assert caplog.text.count(f"Zope at {wrong.url} gets no jobs") == 1
    assert transport.instances.trouble is None


def test_an_instance_is_asked_again_until_it_can_run_jobs(caplog):
    """Then it gets jobs at once, and the log has a line for each of the two changes."""
    caplog.set_level(logging.INFO)
    greeter = Greeter()
    instances = Instances(["a"], greeter)
    instances.check()
    greeter.trouble = ZopeUnavailable("it answers 503")
    instances.leave_out("a", "no connection")
    for _ in range(100):
        instances.check()
        with instances.least_busy() as url:
            assert url is None
    greeter.trouble = None
    instances.check()
    with instances.least_busy() as url:
        assert url == "a"
    assert [record.message.split(" until ")[0] for record in caplog.records] == [
        "Zope at a gets no jobs",
        "Zope at a can run jobs again after 0 s",
    ]


def test_an_instance_that_comes_and_goes_is_told_of_once_a_minute(caplog):
    """A log of thousands of lines helps nobody."""
    caplog.set_level(logging.INFO)
    instances = Instances(["a"], Greeter())
    for _ in range(1000):
        instances.leave_out("a", "no connection")
        instances.check()
    assert len(caplog.records) == 2


def test_an_instance_that_answers_jobs_is_not_asked_how_it_is():
    """Only one that wasn't heard of for a while."""
    greeter = Greeter()
    instances = Instances(["a", "b"], greeter)
    instances.note_answer("a")
    instances.check()
    instances.check()
    assert greeter.asked == ["b"]


def test_an_instance_that_is_at_our_jobs_may_be_silent():
    """All its threads may be busy with them."""
    greeter = Greeter()
    greeter.trouble = ZopeBusy("no answer within 5 s")
    instances = Instances(["a"], greeter)
    with instances.least_busy():
        instances.check()
        assert instances.trouble is None
    instances.check()
    assert instances.trouble == "a: no answer within 5 s"
