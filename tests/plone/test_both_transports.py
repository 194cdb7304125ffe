"""Over HTTP and in the consumer's own process an answer of Zope comes to the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from ZPublisher.httpexceptions import HTTPExceptionHandler
from ZPublisher.WSGIPublisher import publish_module

from collective.coserver.embedded.publish import publish
from collective.coserver.inline.tasks import _keeping_state
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.outcome import Outcome
from coserver_consumer.protocol.request import make_request
from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.http_transport import HttpTransport
from support.answers import AGAIN, BACKEND, COMPLETED, FINAL, REDIRECTS, VIEWS, Row, name_meaning
from tests.plone.instance import SECRET, Instance

AT = "/VirtualHostBase/https/www.example.com:443/plone/VirtualHostRoot/@@test-queue"
Send = Callable[[Job], Outcome]


@pytest.fixture
def over_http(instance: Instance, database_url: str) -> Send:
    """Have Zope run a job as a consumer beside it does."""
    url = f"http://127.0.0.1:{urlsplit(instance.url).port}"
    transport = HttpTransport(Settings(database=database_url, secret=SECRET, zope_url=(url,)))
    return lambda job: transport.send(job, make_request(job))


def run_here(job: Job) -> Outcome:
    """Have the Zope of this process run a job, as a consumer does that has opened the ZODB."""
    zope = HTTPExceptionHandler(publish_module)
    with _keeping_state():
        return publish(zope, job, make_request(job), server_url=BACKEND, max_body=65_536)


def queue_answer(instance: Instance, row: Row) -> Job:
    """Queue a job whose view answers as the row says, by the public address; return it claimed."""
    headers = json.dumps(row.headers)
    form = {"status": str(row.status), "headers": headers, "body": row.body.decode()}
    instance.queue("/plone/@@test-answer", at=AT, method="POST", params=form)
    return instance.claim()


@pytest.mark.parametrize("means", [COMPLETED, AGAIN, FINAL])
def test_both_transports_come_to_what_the_table_says(
    instance: Instance, over_http: Send, means: str
) -> None:
    """The job is completed in the queue, or it isn't and the failure is the same."""
    for row in (row for row in (*VIEWS, *REDIRECTS) if row.means == means):
        outcomes = []
        for send in (over_http, run_here):
            job = queue_answer(instance, row)
            outcomes.append(send(job))
            is_completed = instance.jobs.get(job.id).state is State.COMPLETED
            assert is_completed is (means == COMPLETED), row
        assert [name_meaning(outcome) for outcome in outcomes] == [means, means], row
        assert outcomes[0] == outcomes[1], row
