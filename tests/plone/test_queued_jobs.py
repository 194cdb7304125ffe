"""Tests of add-ons ask what was queued."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import transaction
from DateTime import DateTime
from plone import api
from plone.app.testing import TEST_USER_ID, setRoles

from collective.coserver import queue
from collective.coserver.testing.consumer import InProcessConsumer
from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.job import State
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


@pytest.mark.parametrize("path", ["plone//n%C3%A4he/@@x/", "/plone/nähe/@@x", "/plone/nähe/@@x?"])
def test_a_path_is_read_as_it_is_queued(
    coserver_jobs: InProcessConsumer, site: Any, path: str
) -> None:
    """Quoted or not, and however many slashes it has."""
    job_id = queue.add("/plone/n%c3%a4he/@@x")
    assert coserver_jobs.assert_queued(path=path) == job_id


def test_the_view_of_an_entry_of_the_catalog_is_found(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """As ``queue.add`` takes it."""
    api.content.create(site, "Document", "page")
    [brain] = api.content.find(id="page")
    job_id = queue.add(brain, view="@@x")
    assert coserver_jobs.assert_queued(path=brain, view="@@x") == job_id
    assert coserver_jobs.assert_queued(path=site.page, view="@@x") == job_id


@pytest.mark.parametrize("move", [api.content.rename, api.content.move])
def test_a_job_about_content_that_is_moved_is_found_at_its_new_place(
    coserver_jobs: InProcessConsumer, site: Any, move: Any
) -> None:
    """As its commit would write it: by the object, by the path, and where it is looked up."""
    site.invokeFactory("Folder", "folder")
    page = api.content.create(site, "Document", "page")
    transaction.commit()
    job_id = queue.add(page, view="@@x")
    called = functions.echo.delay(page)
    move(page, **({"new_id": "other"} if move is api.content.rename else {"target": site.folder}))
    path = "/plone/other" if move is api.content.rename else "/plone/folder/page"
    for _ in range(2):
        staged = queue.get(job_id)
        assert (staged.args["path"], staged.title) == (f"{path}/@@x", f"{path}/@@x")
        assert f"'{path}'" in str(queue.get(called).args)
        assert coserver_jobs.assert_queued(path=f"{path}/@@x") == job_id
        transaction.commit()


def test_an_eta_of_zope_is_found(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """As ``queue.add`` takes it."""
    eta = DateTime("2031-01-31 08:00 UTC")
    job_id = queue.add(site, eta=eta)
    assert coserver_jobs.assert_queued(eta=eta) == job_id


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"path": 5}, "needs a path or an object that has one, not 5"),
        ({"path": "http://example.org/plone"}, "isn't a path from Zope's root"),
        ({"path": functions.echo}, r"is a task: queue a call of it by echo.delay"),
        ({"view": "@@x"}, "view goes with a path"),
        ({"task": len}, "wanted a function with @task, its dotted name, or"),
        ({"task": functions.echo.delay}, "wanted a function with @task, its dotted name, or"),
        ({"pth": "/plone"}, "No option is called 'pth'.*, task, path, view"),
    ],
    ids=str,
)
def test_what_no_job_can_have_is_refused(
    coserver_jobs: InProcessConsumer, site: Any, said: Any, fault: str
) -> None:
    """Or it would find nothing for ever."""
    with pytest.raises(InvalidJob, match=fault):
        coserver_jobs.assert_queued(**said)


def test_a_job_is_listed_once_after_its_commit(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """Also in a hook of it, while the transaction is still the current one."""
    told: list[str] = []

    def look(*_: bool) -> None:
        with pytest.raises(AssertionError) as caught:
            coserver_jobs.assert_nothing_queued()
        told.append(str(caught.value))

    queue.add(site)
    transaction.get().addAfterCommitHook(look)
    transaction.commit()
    assert told == ["Nothing was to be queued. Queued were:\n- view /plone"]


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


def test_a_job_that_has_expired_is_not_run(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """It ends as it does where consumers run."""
    late = functions.rename.options(expires=datetime(2020, 1, 1, tzinfo=UTC)).delay(site, "late")
    assert coserver_jobs.run() == []
    assert queue.get(late).state is State.EXPIRED
    assert site.title != "late"


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
