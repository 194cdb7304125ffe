"""The transport to Zope, against a real HTTP server in Zope's place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import pytest

from coserver_consumer.model.outcome import Completed, Failed
from coserver_consumer.protocol.markers import COMPLETED_RUN
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, dump_outcome
from coserver_consumer.protocol.request import make_request
from coserver_consumer.protocol.run_state import RunState
from coserver_consumer.protocol.tokens import read_token
from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.http_pool import HttpPool
from coserver_consumer.zope.http_transport import HttpTransport
from support.http_server import Answer, Call, ran, serve
from support.zope_services import ZopeServices

SECRET = "0123456789abcdef0123456789abcdef"


def as_zope(call: Call) -> Answer:
    """Answer as Zope does when it has run the job."""
    return ran(call, secret=SECRET)


def send(transport, job):
    """Have the transport run a view's job."""
    return transport.send(job, make_request(job))


@pytest.fixture
def make_transport():
    """Make a transport to a server."""

    def make(server, **settings):
        return HttpTransport(
            Settings(database="sqlite:///x", secret=SECRET, zope_url=(server.url,), **settings)
        )

    return make


@pytest.mark.parametrize(
    ("args", "payload", "origin"),
    [
        ({"path": "/Plone/@@import"}, None, None),
        ({"path": "/Plone/\u00e4 %/@@x?a=%c3%a4&b=1%", "params": {"c": "\u00e4"}}, None, None),
        ({"path": "/Plone/x(1)~[2];a=b", "method": "POST", "params": {"c": "d"}}, None, None),
        (
            {"path": "/Plone/x", "method": "PUT"},
            b"\x00body",
            {"server_url": "https://example.com", "root": "/Plone", "prefix": ["_vh_a"]},
        ),
    ],
)
def test_the_token_names_the_request_as_it_goes_over_the_wire(
    make_transport, make_job, args, payload, origin
):
    """To the letter: Zope compares them."""
    job = make_job(args=args, payload=payload, origin=origin, owner="ada")
    with serve(as_zope) as server:
        outcome = send(make_transport(server), job)
    assert isinstance(outcome, Completed)
    [call] = server.calls
    scheme, _, token = call.headers["authorization"].partition(" ")
    claims = read_token(token, secret=SECRET)
    assert scheme == "Coserver"
    assert (claims.key, claims.method, claims.target) == (job.key, call.method, call.target)
    assert payload is None or call.body == payload


@pytest.mark.parametrize("status", [200, 302, 500])
@pytest.mark.parametrize(
    ("said", "is_done"),
    [
        ("{id}:7", True),
        (None, False),
        ("{id}:6", False),
        ("01980cf2-53a1-7000-8000-000000000000:7", False),
        ("7", False),
    ],
)
def test_a_job_is_completed_if_zope_says_that_its_transaction_did_it(
    make_transport, make_job, status, said, is_done
):
    """Exactly this run, and whatever the status is: the queue has it as completed."""
    job = make_job(args={"path": "/x"})
    headers = {"Location": "/y"} | ({COMPLETED_RUN: said.format(id=job.id)} if said else {})
    with serve(lambda _: Answer(status=status, headers=headers)) as server:
        outcome = send(make_transport(server), job)
    assert (outcome == Completed(is_written=True)) is is_done


def test_the_request_bears_what_the_contract_says(make_transport, make_job):
    """And no cookie."""
    job = make_job(args={"path": "/x"}, owner="ada", origin={"language": "de"})
    with serve(lambda _: Answer()) as server:
        send(make_transport(server), job)
    headers = server.calls[0].headers
    assert headers["x-task-id"] == job.id
    assert headers["x-task-queue"] == "default"
    assert headers["x-task-user-id"] == "ada"
    assert headers["accept-language"] == "de"
    assert headers["user-agent"].startswith("collective.coserver/")
    assert "cookie" not in headers


def test_connections_are_kept_open(make_transport, make_job):
    """A handshake for each job would cost more than most jobs."""
    with serve(as_zope) as server:
        transport = make_transport(server)
        for method in ("GET", "HEAD", "PUT", "DELETE", "GET"):
            send(transport, make_job(args={"path": "/x", "method": method}))
    assert len({call.port for call in server.calls}) == 1


def test_no_more_of_an_answer_is_read_than_can_be_kept():
    """A server that never ends its answer must not fill the memory."""
    with serve(lambda _: Answer(body=b"x" * 100_000)) as server:
        reply = HttpPool(size=1, max_body=10).ask(
            "GET", server.url, name="GET /", headers={}, body=None, timeout=5
        )
    assert (reply.body, reply.is_cut) == (b"x" * 10, True)


def test_threads_share_the_transport(make_transport, make_job):
    """Each gets the answer to its own question."""

    def answer(call: Call) -> Answer:
        told = dump_outcome(Failed(error=call.target)).encode()
        return Answer(status=500, headers={"Content-Type": MEDIA_TYPE}, body=told)

    with serve(answer) as server:
        transport = make_transport(server)
        jobs = [make_job(args={"path": f"/{number}"}) for number in range(40)]
        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(partial(send, transport), jobs))
    assert [outcome.error for outcome in outcomes] == [f"/{n}" for n in range(40)]


def test_a_redirect_is_not_followed(make_transport, make_job):
    """Whether it ends the view or comes from somebody else."""
    with serve(lambda _: Answer(status=302, headers={"Location": "/y"})) as server:
        send(make_transport(server), make_job(args={"path": "/x"}))
    assert "/y" not in [call.target for call in server.calls]


def test_a_failure_names_the_path_without_its_query(make_transport, make_job):
    """The query may hold what nobody should read in a log."""
    zope = ZopeServices(secret=SECRET, answer=lambda _: Answer(status=500))
    with serve(zope) as server:
        outcome = send(make_transport(server), make_job(args={"path": "/x?key=hunter2"}))
    assert isinstance(outcome, Failed)
    assert outcome.error.startswith("GET /x was answered 500")


def test_the_jobs_timeout_wins_over_the_setting(make_transport, make_job):
    """None of them waits for ever."""
    done = Event()

    def wait(_call):
        done.wait(10)
        return Answer()

    zope = ZopeServices(secret=SECRET, answer=wait, states=[RunState.ENDED])
    with serve(zope) as server:
        transport = make_transport(server, http_timeout=60.0)
        outcome = send(transport, make_job(args={"path": "/x"}, timeout=0.1))
        done.set()
    assert outcome.error == "GET /x: no answer within 0.1 s"
