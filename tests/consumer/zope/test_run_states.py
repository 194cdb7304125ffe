"""What becomes of a job whose answer doesn't say it: real HTTP servers in Zope's place."""

from __future__ import annotations

from threading import Event

import pytest

from coserver_consumer.errors import ZopeUnavailable
from coserver_consumer.model.job import RunKey
from coserver_consumer.model.outcome import Completed, Failed, NotTried, Obstacle, Released
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, dump_outcome
from coserver_consumer.protocol.request import make_request
from coserver_consumer.protocol.run_state import RunQuestion, RunState
from coserver_consumer.protocol.services import RUN_STATES
from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.http_transport import HttpTransport
from coserver_consumer.zope.service import Services
from support.http_server import Answer, ran, serve
from support.zope_services import ZopeServices

SECRET = "0123456789abcdef0123456789abcdef"
AT_WORK, ENDED = RunState.AT_WORK, RunState.ENDED
UNKNOWN = RunState.UNKNOWN
NEVER_CAME = NotTried(obstacle=Obstacle.FOREIGN, reason="Its request never came to be run by Zope.")


def refuse(obstacle) -> Answer:
    """Return the answer of a Zope that hasn't tried a job."""
    told = dump_outcome(NotTried(obstacle=obstacle, reason="It can't be."))
    return Answer(status=503, headers={"Content-Type": MEDIA_TYPE}, body=told.encode())


def send_view(transport, job):
    """Have the transport run a view's job."""
    return transport.send(job, make_request(job))


@pytest.fixture
def send(make_job):
    """Have a server run a job whose answer takes too long, or comes at once."""

    def send(zope, *, late=False, **settings):
        done = Event()
        if late:
            zope.answer = lambda _: Answer(status=500, breaks=not done.wait(30))
        with serve(zope) as server:
            transport = HttpTransport(
                Settings(database="sqlite:///x", secret=SECRET, zope_url=(server.url,), **settings)
            )
            transport.instances.check()
            timeout = 0.2 if late else 30
            job = make_job(args={"path": "/x"}, timeout=timeout, started_at=0)
            outcome = send_view(transport, job)
            done.set()
        return outcome

    return send


def test_a_run_that_takes_too_long_is_told_to_stop_and_waited_for(send, make_job):
    """Until then the attempt hasn't ended, so no other can begin."""
    zope = ZopeServices(secret=SECRET, states=[AT_WORK, AT_WORK, AT_WORK, ENDED])
    outcome = send(zope, late=True)
    assert isinstance(outcome, Failed)
    assert outcome.error == "GET /x: no answer within 0.2 s"
    assert zope.stopped == [make_job().key] * 4


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (RunState.COMPLETED, Completed(is_written=True)),
        (UNKNOWN, NEVER_CAME),
    ],
)
def test_zope_says_what_became_of_a_run_whose_answer_was_late(send, state, expected):
    """It has completed the job, or has never begun it: then no try was made."""
    assert send(ZopeServices(secret=SECRET, states=[state]), late=True) == expected


def test_a_run_whose_process_has_ended_was_tried(make_job):
    """Perhaps in the middle of it: the process that answers now knows nothing of it."""

    def end(_call):
        zope.process = "2"
        return Answer(breaks=True)

    zope = ZopeServices(secret=SECRET, states=[UNKNOWN], answer=end)
    with serve(zope) as server:
        settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(server.url,))
        transport = HttpTransport(settings)
        transport.instances.check()
        outcome = send_view(transport, make_job(args={"path": "/x"}))
    assert isinstance(outcome, Failed)


def test_what_cannot_be_asked_about_is_waited_for_as_long_as_a_lease(make_job):
    """Then the attempt has failed: nobody can wait for ever."""

    def break_down(_call):
        zope.secret = SECRET[::-1]
        return Answer(breaks=True)

    zope = ZopeServices(secret=SECRET, answer=break_down)
    with serve(zope) as server:
        settings = Settings(
            database="sqlite:///x", secret=SECRET, zope_url=(server.url,), dead_after=0.3
        )
        transport = HttpTransport(settings)
        outcome = send_view(transport, make_job(args={"path": "/x"}))
    assert isinstance(outcome, Failed)
    assert "can't be asked about a request" in transport.instances.trouble


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_job_that_never_reached_zope_was_not_tried(send, status):
    """A load balancer says that it finds no Zope, which answers a moment later."""
    zope = ZopeServices(secret=SECRET, states=[UNKNOWN], answer=lambda _: Answer(status=status))
    assert send(zope) == NEVER_CAME


def test_an_answer_of_another_server_is_no_try(make_job):
    """The setting zope_url is wrong: the job waits for a consumer that has the right one."""
    with serve(lambda _: Answer(status=404)) as server:
        settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(server.url,))
        transport = HttpTransport(settings)
        assert send_view(transport, make_job(args={"path": "/x"})) == Released()
    assert "something else answers there than a Zope" in transport.instances.trouble


def test_an_earlier_run_that_is_still_at_work_is_waited_for(make_job):
    """It is told to stop, and then the job is sent again."""
    said = [refuse(Obstacle.AT_WORK)]
    zope = ZopeServices(
        secret=SECRET,
        states=[AT_WORK, AT_WORK, ENDED],
        answer=lambda call: said.pop() if said else ran(call, secret=SECRET),
    )
    with serve(zope) as server:
        settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(server.url,))
        outcome = send_view(HttpTransport(settings), make_job(args={"path": "/x"}))
    job = make_job()
    assert outcome == Completed(is_written=True)
    assert zope.stopped == [RunKey(job.id, job.run - 1)] * 3
    assert [call.target for call in server.calls].count("/x") == 2


def test_all_instances_are_asked_about_an_earlier_run(make_job):
    """It may be at work in another one than the next run would go to."""
    idle = ZopeServices(secret=SECRET)
    busy = ZopeServices(secret=SECRET, states=[RunState.EARLIER, ENDED])
    with serve(idle) as one, serve(busy) as two:
        settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(one.url, two.url))
        transport = HttpTransport(settings)
        send_view(transport, make_job(args={"path": "/x"}, run=1))
        assert (idle.stopped, busy.stopped) == ([], [])
        send_view(transport, make_job(args={"path": "/x"}, run=3))
    key = RunKey(make_job().id, 2)
    assert (idle.stopped, busy.stopped) == ([key], [key, key])


@pytest.mark.parametrize("obstacle", [Obstacle.SECRET, Obstacle.DATABASE, Obstacle.CLOCK])
def test_a_zope_that_cannot_run_jobs_gets_no_more(make_job, obstacle):
    """Until it says itself that it can; the job isn't tried."""
    zope = ZopeServices(secret=SECRET, answer=lambda _: refuse(obstacle))
    with serve(zope) as server:
        settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(server.url,))
        transport = HttpTransport(settings)
        assert send_view(transport, make_job(args={"path": "/x"})) == Released()
        assert transport.instances.trouble == f"{server.url}: It can't be."
        transport.instances.check()
        assert transport.instances.trouble is None


def test_a_run_that_zope_does_not_know_of_may_be_of_another_queue(make_job):
    """Then its Zope gets no more jobs; else another consumer has the job, and no harm is done."""
    zope = ZopeServices(secret=SECRET, answer=lambda _: refuse(Obstacle.LOST))
    with serve(zope) as server:
        settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(server.url,))
        transport = HttpTransport(settings)
        assert isinstance(send_view(transport, make_job(args={"path": "/x"})), NotTried)
        zope.knows = False
        assert send_view(transport, make_job(args={"path": "/x"})) == Released()
        assert "it uses another queue's database" in transport.instances.trouble


def test_a_consumer_asks_by_the_clock_that_zope_tells_it():
    """However wrong its machine's own is: nothing that it sends is out of date."""
    zope = ZopeServices(secret=SECRET, clock=lambda: 9e9)
    with serve(zope) as server:
        settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(server.url,))
        question = RunQuestion(keys=(), stop=False)
        assert Services(settings).ask(server.url, RUN_STATES, question).process == "1"


@pytest.mark.parametrize(
    ("zope", "why"),
    [
        (ZopeServices(secret=SECRET[::-1]), "it has another secret"),
        (ZopeServices(secret=SECRET, knows=False), "it uses another queue's database"),
        (lambda _: Answer(status=404), "something else answers there"),
        (lambda _: Answer(status=200), "something else answers there"),
        (lambda _: Answer(status=503), "it answers 503"),
        (lambda _: Answer(headers={"Coserver-Proof": "0" * 64}), "it has another secret"),
        (lambda _: Answer(status=503, body=b'{"coserver": "no database"}'), "no database"),
    ],
)
def test_a_handshake_says_what_is_wrong(zope, why):
    """In words for the log, the doctor and `why`."""
    with serve(zope) as server:
        settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(server.url,))
        with pytest.raises(ZopeUnavailable, match=why):
            Services(settings).greet(server.url, None)
