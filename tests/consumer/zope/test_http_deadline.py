"""Servers that send a byte now and then hold nobody longer than the timeout."""

from __future__ import annotations

from threading import Event

import pytest
from urllib3 import Timeout
from urllib3.exceptions import HTTPError, SSLError

from coserver_consumer.model.current_job import EndAttempt
from coserver_consumer.zope.http_deadline import DeadlinePoolManager
from coserver_consumer.zope.http_pool import HttpPool
from support.http_server import CERTIFICATE, Answer, serve, serve_tls

HEAD = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "status": b"HTTP/1.1 ",
    "header": HEAD + b"X-Long: ",
    "body": HEAD + b"Content-Length: 100000\r\n\r\n",
    "body without length": HEAD + b"Connection: close\r\n\r\n",
    "chunked body": HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
    "body in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n",
}

pytestmark = pytest.mark.timeout(30)  # red means for ever


@pytest.fixture
def ask():
    """Ask a server for its page, with so many seconds of time."""
    pool = HttpPool(size=1, max_body=1_000_000)

    def ask(server, timeout):
        return pool.ask("GET", server.url, name="GET /", headers={}, body=None, timeout=timeout)

    return ask


@pytest.mark.parametrize("where", DRIPS)
def test_one_deadline_covers_the_whole_answer(ask, where):
    """Whatever the server is at."""
    with (
        serve(lambda _: Answer(drips=DRIPS[where])) as server,
        pytest.raises(EndAttempt, match=r"GET /: no answer within 0.3 s"),
    ):
        ask(server, 0.3)


def test_a_connection_is_kept_and_each_request_has_its_own_deadline(ask):
    """The time of the first one, which is over then, doesn't count for the next."""
    with serve(lambda _: Answer()) as server:
        assert ask(server, 2).status == 200
        Event().wait(2.1)
        assert ask(server, 20).status == 200
    assert len({call.port for call in server.calls}) == 1


@pytest.mark.parametrize("serve_one", [serve, serve_tls])
def test_a_pool_manager_of_deadlines_is_one_like_any_other(serve_one, monkeypatch):
    """With TLS as well, whose servers are known by their certificates."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    pool = DeadlinePoolManager(retries=False, timeout=Timeout(20))
    with serve_one(lambda call: Answer(body=call.body * 2)) as server:
        for size in (10, 1_000_000):
            reply = pool.request("POST", server.url, body=b"x" * size)
            assert reply.data == b"x" * size * 2


def test_one_deadline_covers_an_answer_over_tls(monkeypatch):
    """As without."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    pool = DeadlinePoolManager(retries=False, timeout=Timeout(20, read=0.3))
    with (
        serve_tls(lambda _: Answer(drips=DRIPS["header"])) as server,
        pytest.raises(HTTPError, match="timed out"),
    ):
        pool.request("GET", server.url)


def test_a_server_nobody_vouches_for_is_not_spoken_to():
    """Its certificate is checked as urllib3 does by default."""
    pool = DeadlinePoolManager(retries=False, timeout=Timeout(20))
    with serve_tls(lambda _: Answer()) as server, pytest.raises(SSLError):
        pool.request("GET", server.url)
    assert not server.calls
