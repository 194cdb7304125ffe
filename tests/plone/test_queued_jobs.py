"""Tests of add-ons ask what was queued."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import transaction
from plone.app.testing import TEST_USER_ID, setRoles

from collective.coserver import queue
from collective.coserver.testing.consumer import InProcessConsumer
from coserver_consumer.errors import InvalidJob
from tests.plone import functions

NAME = "tests.plone.functions.rename"


@pytest.fixture
def site(functional: Any, _views: None) -> Any:
    """The site, with a manager logged in."""
    setRoles(functional["portal"], TEST_USER_ID, ["Manager"])
    transaction.commit()
    return functional["portal"]


@pytest.mark.parametrize("commit", [lambda: None, transaction.commit])
@pytest.mark.parametrize(
    "said",
    [
        {"task": functions.rename},
        {"task": NAME},
        {"task": "call", "title": "Rename it"},
        {"task": NAME, "priority": 3},
        {"delay": timedelta(minutes=1), "requires": ["ffmpeg"], "unique": "one"},
        {"max_attempts": 3, "timeout": 60, "title": "Rename it", "queue": "default"},
    ],
    ids=str,
)
def test_a_call_is_found(
    coserver_jobs: InProcessConsumer, site: Any, said: Any, commit: Any
) -> None:
    """By what it calls and by its options, before and after its commit."""
    changed = functions.rename.options(priority=3, delay=60, requires=["ffmpeg"], unique="one")
    functions.echo.delay()
    commit()
    wanted = changed.delay(site, "x")
    commit()
    found = coserver_jobs.assert_queued(**said)
    assert found == wanted


@pytest.mark.parametrize("path", ["/plone/@@x", "/plone/@@x?y=1"])
def test_a_request_is_found(coserver_jobs: InProcessConsumer, site: Any, path: str) -> None:
    """By its path, with and without the query."""
    job_id = queue.add("/plone/@@x?y=1")
    assert coserver_jobs.assert_queued(path=path, task="view") == job_id


def test_the_request_of_an_object_is_found(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """By the object."""
    job_id = queue.add(site)
    assert coserver_jobs.assert_queued(path=site) == job_id


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"task": functions.echo}, "task='tests.plone.functions.echo'"),
        ({"task": functions.rename, "priority": 4}, f"priority=4, task={NAME!r}"),
        ({"path": "/plone/@@y"}, "path='/plone/@@y'"),
        ({"title": "Another"}, "title='Another'"),
    ],
    ids=str,
)
def test_the_error_lists_what_was_queued(
    coserver_jobs: InProcessConsumer, site: Any, said: Any, told: str
) -> None:
    """With what was said of each, and what was looked for."""
    functions.rename.options(priority=3).delay(site, "x")
    transaction.commit()
    queue.add(site, view="@@x")
    with pytest.raises(AssertionError) as caught:
        coserver_jobs.assert_queued(**said)
    assert str(caught.value) == (
        f"No job was queued with {told}. Queued were:\n"
        f"- call {NAME}, priority=3, max_attempts=3, timeout=60, title='Rename it'\n"
        "- view /plone/@@x"
    )


def test_the_error_says_that_nothing_was_queued(coserver_jobs: InProcessConsumer) -> None:
    """Which is another fault than a wrong option."""
    with pytest.raises(AssertionError, match=r"^No job was queued with anything. Nothing was qu"):
        coserver_jobs.assert_queued()


def test_an_unknown_option_is_refused(coserver_jobs: InProcessConsumer) -> None:
    """Or a misspelt one would find nothing for ever."""
    with pytest.raises(InvalidJob, match="No option is called 'prioritty'"):
        coserver_jobs.assert_queued(prioritty=3)


def test_nothing_queued_is_asserted(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """What was aborted wasn't queued; what is in the transaction or committed was."""
    coserver_jobs.assert_nothing_queued()
    queue.add(site)
    transaction.abort()
    coserver_jobs.assert_nothing_queued()
    queue.add(site)
    for _ in range(2):
        with pytest.raises(AssertionError, match=r"Queued were:\n- view /plone$"):
            coserver_jobs.assert_nothing_queued()
        transaction.commit()


def test_a_run_begins_anew(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """What its jobs queue counts afterwards, and not what was queued before it."""
    options = '{"url": "/plone/@@test-tell-jobs"}'
    queue.add(site, view="@@test-queue", params={"options": options})
    coserver_jobs.run()
    coserver_jobs.assert_queued(path="/plone/@@test-tell-jobs")
    with pytest.raises(AssertionError):
        coserver_jobs.assert_queued(path="/plone/@@test-queue")
    coserver_jobs.run()
    coserver_jobs.assert_nothing_queued()
