"""A developer's Zope runs jobs itself, after the commit that queued them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import transaction
from plone.app.testing import TEST_USER_ID, setRoles
from zope.component import getGlobalSiteManager
from zope.processlifetime import DatabaseOpenedWithRoot

from collective.coserver import queue
from collective.coserver.database.settings import get_settings
from collective.coserver.datamanager import listeners
from collective.coserver.datamanager.listeners import leave, listen
from collective.coserver.inline.eager import EagerConsumer
from collective.coserver.inline.start import start_eager
from coserver_consumer import Client, store
from coserver_consumer.model.job import Job, State, new_id
from coserver_consumer.store import claim, maintain, manage
from support.jobs import Jobs
from support.waiting import wait_for
from tests.plone import functions

LOGGER = "collective.coserver"


@pytest.fixture
def site(functional: Any, jobs: Jobs, _views: None) -> Any:
    """The site, with a manager logged in."""
    setRoles(functional["portal"], TEST_USER_ID, ["Manager"])
    transaction.commit()
    return functional["portal"]


@pytest.fixture
def _eager(site: Any, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Jobs run in this process, with a log that tells it."""
    caplog.set_level(logging.INFO, logger=LOGGER)
    consumer = EagerConsumer()
    listen(consumer.notify)
    consumer.start()
    yield
    leave(consumer.notify)
    consumer.stop()


def wait_until(job_id: str, *states: State) -> Job:
    """Return the job once it has come to one of these states."""

    def look() -> Job | None:
        found = queue.get(job_id)
        return found if found.state in states else None

    found = wait_for(look, what=f"the job to be {' or '.join(states)}")
    transaction.begin()
    return found


def wait_for_line(log: pytest.LogCaptureFixture, beginning: str) -> str:
    """Return the message that begins so, once it is logged."""

    def look() -> str | None:
        return next((line for line in log.messages if line.startswith(beginning)), None)

    return wait_for(look, what=f"a line that begins with {beginning!r}")


@pytest.mark.usefixtures("_eager")
def test_a_job_runs_after_its_commit(site: Any, caplog: pytest.LogCaptureFixture) -> None:
    """In the same process, as its owner, and the log tells how that ended."""
    job_id = functions.rename.delay(site, "renamed")
    asked = functions.whoami.delay()
    transaction.commit()
    wait_until(asked, State.COMPLETED)
    assert site.title == "renamed"
    assert queue.result(asked)["user"] == TEST_USER_ID
    line = wait_for_line(caplog, f"Job {job_id} 'Rename it' ran eagerly: completed in ")
    assert line.endswith(" s")


@pytest.mark.usefixtures("_eager")
def test_nothing_runs_before_its_commit(site: Any) -> None:
    """What an aborted transaction has queued doesn't run at all."""
    functions.rename.delay(site, "aborted")
    transaction.abort()
    marker = functions.echo.delay()
    transaction.commit()
    wait_until(marker, State.COMPLETED)
    assert site.title != "aborted"


@pytest.mark.usefixtures("_eager")
def test_a_job_that_a_job_queues_runs_too(site: Any) -> None:
    """And so on."""
    options = '{"url": "/plone/@@test-tell-jobs?x=1"}'
    first = queue.add(site, view="@@test-queue", params={"options": options})
    transaction.commit()
    wait_until(first, State.COMPLETED)
    second = queue.result(first)["body"]
    assert wait_until(second, State.COMPLETED).id == second


@pytest.mark.usefixtures("_eager")
def test_what_follows_a_job_runs_after_it(site: Any) -> None:
    """Which the end of that one lets go."""
    first, second = queue.chain([functions.echo.job(1), functions.echo.job(2)])
    transaction.commit()
    wait_until(second, State.COMPLETED)
    assert queue.get(first).state is State.COMPLETED


@pytest.mark.usefixtures("_eager")
def test_a_failing_job_is_told_and_kept(site: Any, caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback, and its transaction is aborted."""
    job_id = functions.fail.options(max_attempts=1).delay(site)
    transaction.commit()
    assert wait_until(job_id, State.FAILED).error == "LookupError: no wind for 28 days"
    told = wait_for_line(caplog, f"Job {job_id} ")
    assert "ran eagerly: failed in " in told
    assert "Traceback" in told
    assert "in fail\n" in told
    assert site.title != "half done"


@pytest.mark.usefixtures("_eager")
def test_a_failed_attempt_waits_for_somebody(site: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The next one is made when it is asked for."""
    job_id = functions.fail.options(max_attempts=2).delay(site)
    transaction.commit()
    wait_until(job_id, State.SCHEDULED)
    assert "stays in the queue until somebody runs it again" in wait_for_line(caplog, "Job ")
    queue.retry(job_id)
    assert wait_until(job_id, State.FAILED).attempt == 2


@pytest.mark.usefixtures("_eager")
def test_a_delayed_job_stays_in_the_queue(site: Any) -> None:
    """Those behind it run."""
    delayed = functions.echo.options(delay=0.001).delay()
    now = functions.echo.delay()
    transaction.commit()
    wait_until(now, State.COMPLETED)
    assert queue.get(delayed).state is State.SCHEDULED


@pytest.mark.usefixtures("_eager")
def test_a_served_queue_is_left_to_its_consumer(
    site: Any, jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    """Which is said; other queues' jobs run."""
    store.write(jobs.engine, lambda connection: manage.add_queue(connection, "video"))
    info = maintain.ConsumerInfo(
        id=new_id(),
        name="worker-7",
        hostname="localhost",
        pid=1,
        queues=("video",),
        tasks=("call",),
        capabilities=(),
        threads=1,
        version="1",
    )
    store.write(jobs.engine, lambda connection: maintain.register(connection, info))
    left = functions.echo.options(queue="video").delay()
    ran = functions.echo.delay()
    transaction.commit()
    wait_until(ran, State.COMPLETED)
    assert queue.get(left).state is State.READY
    wait_for_line(caplog, "Setting 'eager' is on, but consumer worker-7 serves the queue 'video'")


@pytest.mark.usefixtures("_eager")
def test_no_other_consumer_takes_back_what_runs(site: Any, jobs: Jobs) -> None:
    """Zope is a consumer, and names no queue that another eager Zope would leave to it."""
    job_id = functions.look_for_dead.delay()
    transaction.commit()
    assert wait_until(job_id, State.COMPLETED, State.FAILED).state is State.COMPLETED
    assert queue.result(job_id) == 0
    assert [(each.queues, each.threads) for each in jobs.consumers()] == [((), 1)]


def test_what_a_process_left_unfinished_runs_again(
    site: Any, jobs: Jobs, environment: pytest.MonkeyPatch
) -> None:
    """Once this one can judge whether the other is dead, for which it waits two heartbeats."""
    environment.setenv("COSERVER_HEARTBEAT_EVERY", "0.1")
    get_settings.cache_clear()
    lost = functions.echo.delay()
    transaction.commit()
    (claimed,) = store.write(
        jobs.engine,
        lambda connection: claim.claim(
            connection, consumer=new_id(), queues=["default"], tasks=["call"], limit=1
        ),
    )
    assert claimed.id == lost
    consumer = EagerConsumer()
    consumer.start()
    wait_until(lost, State.COMPLETED)
    consumer.stop()
    assert jobs.consumers() == []


@contextmanager
def starting_zope() -> Iterator[list[Any]]:
    """Do what Zope does at its start; give the block the consumers that this began."""
    get_settings.cache_clear()
    before = tuple(listeners._listeners)
    start_eager(DatabaseOpenedWithRoot(None))
    begun = [each for each in listeners._listeners if each not in before]
    yield [each.__self__ for each in begun]
    for each in begun:
        leave(each)
        each.__self__.stop()


def test_what_is_ready_at_zope_s_start_runs(site: Any, environment: pytest.MonkeyPatch) -> None:
    """Whether anything is queued in this process or not: somebody may have retried it."""
    environment.setenv("COSERVER_EAGER", "true")
    delayed = functions.echo.options(delay=3600).delay()
    ready = functions.echo.delay()
    transaction.commit()
    with starting_zope():
        wait_until(ready, State.COMPLETED)
        queue.retry(delayed)
        wait_until(delayed, State.COMPLETED)


@pytest.mark.usefixtures("_eager")
def test_a_cancelled_job_is_told_as_cancelled(
    site: Any, jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it is in the queue, though attempts were left; somebody wanted that."""
    cancelled = functions.fail_cancelled.delay(site)
    heeded = functions.look_carefully.delay(site, "return")
    transaction.commit()
    for job_id in (cancelled, heeded):
        wait_until(job_id, State.CANCELLED)
        told = wait_for_line(caplog, f"Job {job_id} ")
        assert "ran eagerly: cancelled in " in told
        assert "Traceback" not in told
    assert "ERROR" not in {each.levelname for each in caplog.records if "eagerly" in each.message}


@pytest.mark.usefixtures("_eager")
def test_what_zope_can_not_run_is_left_to_a_consumer(
    site: Any, jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    """Which is said once of each task."""
    left = [Client(jobs.engine).add("http", {"url": "https://nowhere.example"}) for _ in "ab"]
    for _ in "ab":
        ran = functions.echo.delay()
        transaction.commit()
        wait_until(ran, State.COMPLETED)
    wait_for_line(caplog, "Setting 'eager' is on, but Zope runs no jobs of the task 'http'")
    assert {queue.get(job_id).state for job_id in left} == {State.READY}
    assert caplog.text.count("runs no jobs of the task") == 1


@pytest.mark.parametrize("said", ["true", "false"])
def test_zope_says_at_its_start_that_it_is_eager(
    jobs: Jobs, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, said: str
) -> None:
    """And that this isn't for production."""
    environment.setenv("COSERVER_EAGER", said)
    with starting_zope() as consumers:
        assert len(consumers) == (said == "true")
    assert ("not for production" in caplog.text) is (said == "true")


def test_zope_starts_with_wrong_settings(environment: pytest.MonkeyPatch) -> None:
    """Somebody else says what is wrong in them."""
    environment.setenv("COSERVER_DATABASE", "sqlite:///nowhere.sqlite")
    environment.setenv("COSERVER_EAGER", "perhaps")
    get_settings.cache_clear()
    start_eager(DatabaseOpenedWithRoot(None))


def test_it_begins_when_the_database_is_open(functional: Any) -> None:
    """Which Zope tells once, when all packages are loaded."""
    assert start_eager in {each.handler for each in getGlobalSiteManager().registeredHandlers()}
