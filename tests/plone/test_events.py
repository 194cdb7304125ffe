"""The events of jobs: which are told, when, where, as whom, and what commits with them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import sqlalchemy as sa
import transaction
from AccessControl import getSecurityManager
from plone.app.testing import TEST_USER_ID, setRoles
from zope.component import getGlobalSiteManager, getSiteManager
from zope.component.hooks import getSite

from collective.coserver import queue
from collective.coserver.database import engine as addon_engine
from collective.coserver.inline.eager import EagerConsumer
from collective.coserver.interfaces import (
    IJob,
    IJobCancelled,
    IJobEvent,
    IJobExpired,
    IJobFailed,
    IJobProgressed,
    IJobQueued,
    IJobStarted,
    IJobSucceeded,
)
from collective.coserver.testing.consumer import InProcessConsumer
from coserver_consumer import store
from coserver_consumer.model.job import State, new_id
from coserver_consumer.protocol.services import EVENTS
from coserver_consumer.protocol.tokens import seal
from coserver_consumer.store import finish
from coserver_consumer.store.schema import tables
from support.waiting import PATIENCE, wait_for
from tests.plone import functions
from tests.plone.instance import SECRET, Instance

OWN = (IJobQueued, IJobStarted, IJobProgressed, IJobSucceeded)
KINDS = (*OWN, IJobFailed, IJobCancelled, IJobExpired)
OVERDUE = sa.update(tables.job).values(expires_at=10**15)
FAIL = {"view": "@@test-end", "params": {"how": "fail"}, "max_attempts": 1}


@pytest.fixture
def site(functional: Any, _views: None) -> Any:
    """The site, with a manager logged in."""
    portal = functional["portal"]
    setRoles(portal, TEST_USER_ID, ["Manager"])
    portal.title = portal.description = ""
    transaction.commit()
    return portal


@pytest.fixture
def subscribe() -> Iterator[Callable[..., None]]:
    """Register a handler for the rest of the test."""
    made: list[Any] = []

    def subscribe(handler: Callable[..., None], *required: Any) -> None:
        made.append((handler, required))
        getGlobalSiteManager().registerHandler(handler, required)

    yield subscribe
    for handler, required in made:
        getGlobalSiteManager().unregisterHandler(handler, required)


@pytest.fixture
def told(subscribe: Callable[..., None]) -> list[tuple[str, str, str | None, str | None]]:
    """What was told: event, job, the user's id and the site's."""
    found: list[tuple[str, str, str | None, str | None]] = []

    def note(event: Any) -> None:
        [kind] = [each for each in KINDS if each.providedBy(event)]
        user, site = getSecurityManager().getUser(), getSite()
        name = None if user is None else user.getUserName()
        found.append((kind.__name__, event.job.id, name, site and site.getId()))

    subscribe(note, IJobEvent)
    return found


def events(told: list[tuple[str, str, str | None, str | None]], job_id: str) -> list[str]:
    """Return the names of what was told of a job."""
    return [name for name, job, *_ in told if job == job_id]


def test_a_job_s_own_events_are_told_in_its_transactions(
    coserver_jobs: InProcessConsumer, site: Any, subscribe: Callable[..., None], told: Any
) -> None:
    """With what they say; as the job's user, in its site."""
    seen: list[Any] = []
    for kind in OWN:
        subscribe(seen.append, kind)
    job_id = functions.tell_progress.delay(site)
    assert (seen[0].object.id, seen[0].job.state) == (job_id, State.STAGED)
    coserver_jobs.run()
    assert events(told, job_id) == [kind.__name__ for kind in OWN]
    assert {place for *_, place in told} == {"plone"}
    assert len({user for _, _, user, _ in told}) == 1
    queued, started, progressed, succeeded = seen
    assert IJob.providedBy(queued.job)
    assert (started.job.state, started.job.attempt) == (State.RUNNING, 1)
    assert (progressed.fraction, progressed.text) == (0.5, "half")
    assert (succeeded.job.state, succeeded.result) == (State.COMPLETED, (1, 2))


def test_what_subscribers_write_commits_with_the_attempt(
    coserver_jobs: InProcessConsumer, site: Any, subscribe: Callable[..., None]
) -> None:
    """Or not at all: an attempt that fails, also by a subscriber, leaves nothing of them."""
    errors = [RuntimeError("not yet")]

    def write(event: Any) -> None:
        getSite().description += f"{type(event).__name__} "
        if IJobSucceeded.providedBy(event) and errors:
            raise errors.pop()

    subscribe(write, IJobStarted)
    subscribe(write, IJobSucceeded)
    job_id = functions.rename.delay(site, "renamed")
    coserver_jobs.run()
    assert (queue.get(job_id).state, site.title, site.description) == (State.SCHEDULED, "", "")
    coserver_jobs.run(scheduled=True)
    assert queue.get(job_id).state is State.COMPLETED
    assert (site.title, site.description) == ("renamed", "JobStarted JobSucceeded ")


def test_what_a_subscriber_refuses_is_not_queued(
    coserver_jobs: InProcessConsumer, site: Any, subscribe: Callable[..., None]
) -> None:
    """Also if whoever queues it goes on: neither it, nor its like, nor what subscribers queued."""

    def refuse(event: Any) -> None:
        if event.job.title == "refused":
            functions.echo.options(title="by a subscriber").delay()
            raise RuntimeError("no room")

    subscribe(refuse, IJobQueued)
    kept, refused = functions.echo.delay(), functions.echo.options(title="refused").job()
    for doomed in ([refused], [functions.echo.job(), refused]):
        with pytest.raises(RuntimeError, match="no room"):
            queue.chain(doomed)
    transaction.commit()
    assert [job.id for job in queue.find(site=queue.EVERY_SITE)] == [kept]


def test_a_view_that_answers_an_error_has_not_succeeded(
    coserver_jobs: InProcessConsumer, site: Any, told: Any
) -> None:
    """Though Zope commits what it did; the job fails at once."""
    job_id = queue.add(site, view="@@test-end", params={"how": "answer", "status": "404"})
    coserver_jobs.run()
    assert queue.get(job_id).state is State.FAILED
    assert events(told, job_id) == ["IJobQueued", "IJobStarted", "IJobFailed"]


def test_a_failure_is_told_after_the_last_attempt_as_the_system_in_the_site(
    coserver_jobs: InProcessConsumer, site: Any, told: Any
) -> None:
    """In a transaction of its own; subscribers of the site, and of the pair of job and event."""
    getSiteManager(site).registerHandler(functions.write_failure)
    job_id = queue.add(site, **{**FAIL, "max_attempts": 2})
    coserver_jobs.run()
    assert (queue.get(job_id).state, site.description) == (State.SCHEDULED, "")
    coserver_jobs.run(scheduled=True)
    assert ("IJobFailed", job_id, "System Processes", "plone") in told
    assert site.description == f"/plone/@@test-end failed: {queue.get(job_id).error}"
    assert site.title == "after a failure"


def test_a_cancelled_and_an_expired_job_are_told_and_one_that_is_not_needed_is_not(
    coserver_jobs: InProcessConsumer, site: Any, told: Any
) -> None:
    """Neither one whose follow-up has nothing to do, nor one that another stands for."""
    late = queue.add(site, view="@@view", delay=600)
    first = functions.echo.options(unique="k", on_failure=functions.echo.job()).delay()
    second = functions.echo.options(unique="k").delay()
    coserver_jobs.run()
    queue.cancel(late)
    old = queue.add(site, view="@@view", expires=600)
    transaction.commit()
    addon_engine.write(lambda c: c.execute(OVERDUE.where(tables.job.c.id == old)))
    addon_engine.write(finish.expire_overdue)
    coserver_jobs.run()
    assert queue.get(second).id == first
    ends = [each for each in told if each[0] not in [kind.__name__ for kind in OWN]]
    assert ends == [
        ("IJobCancelled", late, "System Processes", "plone"),
        ("IJobExpired", old, "System Processes", "plone"),
    ]


def test_a_subscriber_that_raises_harms_no_other_event(
    coserver_jobs: InProcessConsumer,
    site: Any,
    subscribe: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged with its job, nothing of it is committed, and it is tried again later."""
    refused, kept = queue.add(site, **FAIL), queue.add(site, **FAIL)

    def write(event: Any) -> None:
        getSite().description += event.job.id
        if event.job.id == refused and tries():
            raise SystemExit("no mail")

    def tries() -> bool:
        return "told" not in getSite().title

    subscribe(write, IJobFailed)
    with caplog.at_level(logging.ERROR):
        coserver_jobs.run()
    assert site.description == kept
    assert f"That job {refused} is failed couldn't be told." in caplog.text
    assert read_events() == [(refused, "failed", 1)]
    site.title = "may be told"
    addon_engine.write(lambda c: c.execute(sa.update(tables.event).values(due_at=1)))
    coserver_jobs.run()
    assert (site.description, read_events()) == (kept + refused, [])


def read_events() -> list[tuple[str, str, int]]:
    """Return the job, the state and the tries of the events that aren't told yet."""
    event = tables.event.c
    query = sa.select(event.job_id, event.state, event.tries).order_by(event.id)
    return [tuple(row) for row in addon_engine.read(lambda c: c.execute(query).all())]


def test_an_eager_zope_tells_the_same(
    jobs: Any, site: Any, told: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Which needs no consumer."""
    failed, done = queue.add(site, **FAIL), functions.echo.delay()
    transaction.commit()
    consumer = EagerConsumer()
    consumer.start()
    try:
        wait_for(lambda: "IJobFailed" in events(told, failed), what="the failure to be told")
        wait_for(lambda: "IJobSucceeded" in events(told, done), what="the success to be told")
    finally:
        consumer.stop()
    assert events(told, failed) == ["IJobQueued", "IJobStarted", "IJobFailed"]


def post(instance: Instance, ids: list[int], *, secret: str = SECRET) -> requests.Response:
    """Ask Zope to tell events, as a consumer does."""
    body = json.dumps(ids).encode()
    token = seal(body, service=EVENTS.path, secret=secret, now=time.time())
    return requests.post(
        instance.url + EVENTS.path,
        data=body,
        headers={"Authorization": f"Coserver-Seal {token}"},
        timeout=PATIENCE,
    )


def test_only_a_holder_of_the_secret_has_events_told(instance: Instance, told: Any) -> None:
    """And what they are stands in the database: of what isn't there nothing is told."""
    job_id = instance.queue("/plone/@@view")
    queue.cancel(job_id)
    [event_id] = find_ids(instance)
    assert post(instance, [event_id], secret="another secret " * 3).status_code == 401
    assert "IJobCancelled" not in events(told, job_id)
    answer = post(instance, [event_id, event_id + 1])
    assert answer.json() == {"told": [event_id + 1, event_id], "failed": []}
    assert events(told, job_id)[-1] == "IJobCancelled"


def test_nobody_is_told_of_a_job_that_no_holder_of_the_secret_has_queued(
    instance: Instance, told: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever can write rows could have subscribers, who act as the system, be told anything."""
    forged, event_id = new_id(), 7
    row = {"id": forged, "task": "call", "site": "/plone", "state": "failed", "signature": "v2:x"}
    with instance.jobs.engine.begin() as connection:
        connection.execute(sa.insert(tables.history).values(args={"function": "os.abort"}, **row))
        event = {"id": event_id, "job_id": forged, "queue": "default", "state": "failed"}
        connection.execute(sa.insert(tables.event).values(**event))
    assert post(instance, [event_id]).json() == {"told": [event_id], "failed": []}
    assert events(told, forged) == []
    assert f"Nobody is told that job {forged} is failed" in caplog.text


def find_ids(instance: Instance) -> list[int]:
    """Return the ids of the events that aren't told yet."""
    return store.read(
        instance.jobs.engine, lambda c: list(c.execute(sa.select(tables.event.c.id)).scalars())
    )
