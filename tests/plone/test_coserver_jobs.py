"""The fixture for authors of add-ons, used as they use it: in a site, with no consumer beside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import transaction
from plone import api
from plone.app.testing import TEST_USER_ID, setRoles

from collective.coserver import queue
from collective.coserver.database.settings import get_settings
from collective.coserver.producer.enqueue import enlist
from collective.coserver.testing.consumer import InProcessConsumer
from coserver_consumer.errors import InvalidJob, JobNotFound, ObjectGone
from coserver_consumer.model.job import State
from coserver_consumer.protocol import signing
from tests.plone import functions

SCHEDULED, COMPLETED = State.SCHEDULED, State.COMPLETED


@pytest.fixture
def site(functional: Any, _views: None) -> Any:
    """The site, with a manager logged in."""
    setRoles(functional["portal"], TEST_USER_ID, ["Manager"])
    transaction.commit()
    return functional["portal"]


def test_it_runs_what_was_queued(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """Once it is told to, through the publisher, with the effect in the site."""
    job_id = functions.rename.delay(site, "renamed")
    assert coserver_jobs.waiting() == []
    (job,) = coserver_jobs.run()
    assert (job.id, job.state, site.title) == (job_id, COMPLETED, "renamed")
    assert queue.result(job_id) == "/plone"
    assert coserver_jobs.run() == []


def test_it_runs_views_as_well_and_what_they_queue(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """With their parameters, as the user who queued them, with public links."""
    options = '{"url": "/plone/@@test-tell-jobs?x=1", "params": {"y": "ä"}}'
    queue.add(site, view="@@test-queue", params={"options": options})
    first, second = coserver_jobs.run()
    told = queue.result(second.id)["body"]
    assert queue.result(first.id)["body"] == second.id
    assert f'"user": "{TEST_USER_ID}"' in told
    assert '"form": {"x": "1", "y": "\\u00e4"}' in told
    assert f'"url": "{site.absolute_url()}"' in told


def test_the_test_keeps_its_user_and_site(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """The publisher has its own meanwhile."""
    functions.rule.delay()
    coserver_jobs.run()
    assert api.user.get_current().getId() == TEST_USER_ID
    assert api.portal.get() == site


def test_an_attempt_that_failed_is_scheduled(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """And made again when the test says so, until no attempt is left."""
    job_id = functions.fail.options(max_attempts=2).delay(site)
    (job,) = coserver_jobs.run()
    assert (job.state, job.attempt) == (SCHEDULED, 1)
    (job,) = coserver_jobs.run(scheduled=True)
    assert (job.id, job.state, job.attempt) == (job_id, State.FAILED, 2)
    assert job.error == "LookupError: no wind for 28 days"


def test_a_snoozing_job_waits(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """Its attempt isn't counted."""
    functions.rest.delay(site)
    coserver_jobs.run()
    (job,) = coserver_jobs.waiting()
    assert (job.state, job.attempt) == (SCHEDULED, 0)


def test_any_queue_and_any_requirement_can_be_met(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """The test's machine needn't have a video encoder."""
    coserver_jobs.add_queue("video")
    functions.echo.options(queue="video", requires=["ffmpeg"]).delay()
    (job,) = coserver_jobs.run()
    assert (job.queue, job.state) == ("video", COMPLETED)


def test_an_eager_call_is_made_at_once(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """Without a job, in the test's transaction, with what a job would hand over."""
    with coserver_jobs.eagerly() as calls:
        job_id = functions.rename.delay(site, "at once")
        assert site.title == "at once"
        assert calls.results == {job_id: "/plone"}
        assert functions.rule.delay() in calls.results
    assert coserver_jobs.run() == []
    with pytest.raises(JobNotFound):
        queue.get(job_id)


def test_an_eager_call_has_an_id_of_its_own(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """One that is said twice is refused, as it is where calls are queued."""
    own = str(uuid4())
    with coserver_jobs.eagerly() as calls:
        assert functions.echo.options(id=own).delay("a") == own
        for again in (
            lambda: functions.echo.options(id=own).delay("b"),
            lambda: queue.chain([functions.echo.options(id=own).job("b")]),
        ):
            with pytest.raises(InvalidJob, match=f"A call with the id {own} was made before"):
                again()
    assert calls.results == {own: (("a",), {})}


def test_an_eager_call_s_errors_come_through(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """Those of the function, and of what couldn't be queued."""
    with coserver_jobs.eagerly():
        with pytest.raises(LookupError):
            functions.fail.delay(site)
        with pytest.raises(InvalidJob):
            functions.echo.delay(object())
        with pytest.raises(InvalidJob, match="The result"):
            functions.make.delay("object")


def test_an_object_that_is_deleted_meanwhile(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """Its job fails, and a result that it was can't be had."""
    page = api.content.create(site, "Document", "page")
    job_id = functions.echo.delay(page)
    coserver_jobs.run()
    doomed = functions.rename.delay(page, "x")
    transaction.commit()
    api.content.delete(page)
    coserver_jobs.run()
    assert queue.get(doomed).state is State.FAILED
    with pytest.raises(ObjectGone, match="/plone/page"):
        queue.result(job_id)


def test_links_are_the_queuing_request_s(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """Though the test's Zope has no VirtualHostMonster: also of a virtual root within the site."""
    folder = api.content.create(site, "Folder", "de")
    job = functions.locate.job(folder)
    assert job.origin["server_url"] == ""
    there = {"server_url": "https://www.example.de", "root": "/plone/de", "prefix": ["_vh_a"]}
    moved = replace(job, origin={**job.origin, **there})
    enlist(signing.sign(moved, get_settings().secret_text))
    plain = functions.locate.delay(folder)
    results = {ended.id: ended.result for ended in coserver_jobs.run()}
    assert results == {job.id: "https://www.example.de/a", plain: folder.absolute_url()}
