"""Several Zope instances: real HTTP servers in their place."""

from __future__ import annotations

import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest

from coserver_consumer.current_job import EndAttempt
from coserver_consumer.outcome import Completed
from coserver_consumer.settings import Settings
from coserver_consumer.transports.http import HttpTransport
from coserver_consumer.transports.instances import Instances
from demo.ports import free_port
from support.http_server import Answer, ran, serve
from support.waiting import wait_for

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def make_transport():
    """Make a transport to these addresses."""

    def make(*urls):
        return HttpTransport(Settings(database="sqlite:///x", secret=SECRET, zope_url=urls))

    return make


def nowhere() -> str:
    """Return an address where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


def test_the_least_busy_instance_is_asked(make_transport, make_job):
    """Four requests at once are two for each of two."""
    gate = Event()

    def answer(call):
        gate.wait(30)
        return ran(call, secret=SECRET)

    job = make_job(args={"path": "/x"})
    with serve(answer) as one, serve(answer) as two, ThreadPoolExecutor(4) as pool:
        transport = make_transport(one.url, two.url)
        sent = [pool.submit(transport.send, job) for _ in range(4)]
        wait_for(lambda: len(one.calls + two.calls) == 4, what="all requests")
        counts = len(one.calls), len(two.calls)
        gate.set()
        assert all(isinstance(each.result(), Completed) for each in sent)
    assert counts == (2, 2)


def test_a_job_goes_to_another_instance_if_no_connection_can_be_made(
    make_transport, make_job, caplog
):
    """It isn't the job's fault: no attempt fails. The log says it once."""
    away = nowhere()
    with serve(lambda call: ran(call, secret=SECRET)) as server:
        transport = make_transport(away, server.url)
        for _ in range(10):
            assert isinstance(transport.send(make_job(args={"path": "/x"})), Completed)
    assert len(server.calls) == 10
    assert caplog.text.count(f"Zope at {away} is left out until it answers") == 1


def test_what_an_instance_may_have_heard_is_not_sent_again(make_transport, make_job):
    """It may have done the work before the connection broke."""
    with ExitStack() as stack:
        servers = [stack.enter_context(serve(lambda _: Answer(breaks=True))) for _ in range(2)]
        transport = make_transport(*(server.url for server in servers))
        with pytest.raises(EndAttempt, match="the connection broke"):
            transport.send(make_job(args={"path": "/x"}))
    assert len(servers[0].calls + servers[1].calls) == 1


def test_if_none_is_there_the_error_names_all(make_transport, make_job):
    """And each attempt tries them all anew."""
    urls = [nowhere(), nowhere()]
    transport = make_transport(*urls)
    for _ in range(2):
        with pytest.raises(EndAttempt) as caught:
            transport.send(make_job(args={"path": "/x"}))
        assert all(url in caught.value.outcome.error for url in urls)


def test_an_instance_that_answers_again_is_asked_again(caplog):
    """Somebody looks now and then."""
    caplog.set_level(logging.INFO)
    there = Event()
    instances = Instances(["a", "b"], answers=lambda _: there.is_set(), probe_every=0.05)
    instances.leave_out("a", "refused")
    with instances.least_busy() as url:
        assert url == "b"
        with instances.least_busy() as second:
            assert second == "b"
    there.set()
    wait_for(lambda: "Zope at a answers again" in caplog.text, what="the log")
    with instances.least_busy() as first, instances.least_busy() as second:
        assert {first, second} == {"a", "b"}


def test_a_single_instance_is_always_asked(make_transport, make_job):
    """There is nobody to leave it out for."""
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{placeholder.getsockname()[1]}"
        transport = make_transport(url)
        with pytest.raises(EndAttempt, match="no connection"):
            transport.send(make_job(args={"path": "/x"}))
        with pytest.raises(EndAttempt, match="no connection"):
            transport.send(make_job(args={"path": "/x"}))
