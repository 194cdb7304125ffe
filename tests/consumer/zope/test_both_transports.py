"""An answer that says nothing of its run means the same, whichever transport it came over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from collective.coserver.embedded.publish import publish
from collective.coserver.publication.inflight import runs
from coserver_consumer.model.job import Job, new_id
from coserver_consumer.model.outcome import Completed, NotTried, Obstacle, Outcome
from coserver_consumer.protocol.request import make_request
from coserver_consumer.protocol.run_state import RunState
from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.http_transport import HttpTransport
from support.answers import BACKEND, MESSAGE, REDIRECTS, VIEWS, Row
from support.http_server import Answer, serve
from support.zope_services import ZopeServices

SECRET = "0123456789abcdef0123456789abcdef"
ROWS = [row for row in (*VIEWS, *REDIRECTS) if row.headers != MESSAGE]
WITHOUT_BODY = (204, 304)


@pytest.fixture(scope="module")
def run_over_http() -> Iterator[Callable[[Job, Row, RunState], Outcome]]:
    """Have a server answer that knows so much of the run."""
    zope = ZopeServices(secret=SECRET)
    with serve(zope) as server:
        settings = Settings(database="sqlite:///x", secret=SECRET, zope_url=(server.url,))
        transport = HttpTransport(settings)

        def run(job: Job, row: Row, state: RunState) -> Outcome:
            headers = {name.title(): value for name, value in row.headers.items()}
            body = b"" if row.status in WITHOUT_BODY else row.body
            zope.states = [state]
            zope.answer = lambda _: Answer(
                status=row.status, headers={"Content-Type": ""} | headers, body=body
            )
            return transport.send(job, make_request(job))

        yield run


def run_here(job: Job, row: Row, state: RunState | None) -> Outcome:
    """Have an application of this process answer, which knows so much of the run."""

    def answer(_, start_response):
        if state is not None:
            runs.begin(job.key)
            runs.end(job.key, state)
        start_response(f"{row.status} x", list(row.headers.items()))
        return [] if row.status in WITHOUT_BODY else [row.body]

    return publish(answer, job, make_request(job), server_url=BACKEND, max_body=65_536)


@pytest.mark.parametrize("state", [RunState.ENDED, RunState.COMPLETED])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_both_transports_judge_by_what_zope_knows_of_the_run(
    make_job: Callable[..., Job], run_over_http: Callable, row: Row, state: RunState
) -> None:
    """Somebody else's answer has come in place of Zope's, or Zope broke down over its own."""
    job = make_job(id=new_id(), args={"path": "/x"})
    outcome = run_here(job, row, state)
    assert outcome == run_over_http(job, row, state)
    assert isinstance(outcome, Completed) is (state is RunState.COMPLETED)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_zope_did_not_begin_in_this_process_was_not_tried(
    make_job: Callable[..., Job], row: Row
) -> None:
    """No server is before it that might have answered: its ZODB couldn't be read."""
    outcome = run_here(make_job(id=new_id(), args={"path": "/x"}), row, None)
    assert isinstance(outcome, NotTried)
    assert outcome.obstacle is Obstacle.ZODB
