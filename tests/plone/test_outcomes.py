"""What Zope did with a job, and that the queue says exactly that."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import transaction
from plone import api
from plone.app.testing import TEST_USER_ID, setRoles

from collective.coserver import queue
from collective.coserver.publication.inflight import runs
from collective.coserver.testing.consumer import InProcessConsumer
from coserver_consumer import store
from coserver_consumer.model.job import Job, State
from coserver_consumer.protocol.run_state import RunState
from coserver_consumer.store import manage
from tests.plone import functions

COMPLETED, FAILED, SCHEDULED = State.COMPLETED, State.FAILED, State.SCHEDULED


@pytest.fixture
def site(functional: Any, _views: None) -> Any:
    """The site, with a manager logged in."""
    setRoles(functional["portal"], TEST_USER_ID, ["Manager"])
    functional["portal"].title = "untouched"
    transaction.commit()
    return functional["portal"]


def run_one(consumer: InProcessConsumer) -> Job:
    """Run the only job there is, once; return it with its last error."""
    (job,) = consumer.run()
    return job


def last_failure(consumer: InProcessConsumer, job: Job) -> manage.AttemptError:
    """Return what went wrong in the job's last attempt."""
    from collective.coserver.database.engine import read

    failures = read(lambda connection: manage.attempts(connection, job.id))
    return failures[-1]


ENDS = [
    ("well", COMPLETED, None),
    ("send", COMPLETED, None),
    ("send_to_zope", COMPLETED, None),
    ("doom", SCHEDULED, "its transaction was doomed"),
    ("send_by_raising", SCHEDULED, "raised Redirect to http://localhost"),
    ("fail", SCHEDULED, "Refuse: the feed is empty: 28"),
    ("fail_oddly", SCHEDULED, "Unspeakable: (it raises an error when it is asked what it is)"),
    ("conflict", SCHEDULED, "ConflictError: somebody else wrote"),
    ("too_busy", SCHEDULED, "503 Service Unavailable: Come back."),
    ("unwritable", SCHEDULED, "TypeError: cannot pickle 'function' object"),
    ("not_allowed", FAILED, "401 Unauthorized: Only on Sundays, please. (as 'test_user_1_' of"),
    ("send_to_login", FAILED, "isn't allowed for 'test_user_1_' of /plone/acl_users"),
]


@pytest.mark.parametrize(("how", "state", "error"), ENDS)
def test_a_job_is_completed_if_and_only_if_its_work_is_committed(
    coserver_jobs: InProcessConsumer, site: Any, how: str, state: State, error: str | None
) -> None:
    """All else is a failed attempt that says what happened."""
    queue.add(site, view="@@test-end", params={"how": how})
    job = run_one(coserver_jobs)
    assert job.state is state
    if error is None:
        assert site.title == "half done"
    else:
        assert error in last_failure(coserver_jobs, job).error
        assert site.title == ("half done" if how == "send_to_login" else "untouched")


def test_the_attempts_of_a_doomed_job_come_to_an_end(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """Each is counted, and the last fails the job."""
    queue.add(site, view="@@test-end", params={"how": "doom"}, max_attempts=2)
    coserver_jobs.run()
    (job,) = coserver_jobs.run(scheduled=True)
    assert (job.state, job.attempt) == (FAILED, 2)
    assert "transaction.doom()" in job.error


@pytest.mark.parametrize(
    ("how", "state", "error"),
    [
        ("doomed", SCHEDULED, "Function tests.plone.functions.spoil returned, but its transaction"),
        ("unwritable", FAILED, "TypeError: cannot pickle 'function' object"),
        ("conflict", SCHEDULED, "ConflictError: somebody else wrote"),
    ],
)
def test_a_function_that_returned_is_not_completed_before_it_is_committed(
    coserver_jobs: InProcessConsumer, site: Any, how: str, state: State, error: str
) -> None:
    """What its commit raises is the function's failure, and its policy says what follows."""
    functions.spoil.delay(site, how)
    job = run_one(coserver_jobs)
    assert job.state is state
    assert error in last_failure(coserver_jobs, job).error
    assert not hasattr(site, "unwritable")


def test_a_failing_view_leaves_its_traceback_with_the_job(
    coserver_jobs: InProcessConsumer, site: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """From the view on, without the values of variables; Zope's log names the job."""
    queue.add(site, view="@@test-end", params={"how": "fail"})
    with caplog.at_level(logging.ERROR, logger="collective.coserver"):
        job = run_one(coserver_jobs)
    traceback = last_failure(coserver_jobs, job).traceback
    assert 'raise Refuse(f"the feed is empty' in traceback
    assert traceback.endswith("Refuse: the feed is empty: 28\n")
    assert "ZPublisher" not in traceback
    assert f"Job {job.id} (/plone/@@test-end), attempt 1: Refuse: the feed is empty" in caplog.text


def test_a_server_that_is_too_busy_says_when_to_come_back(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """Also by an exception."""
    queue.add(site, view="@@test-end", params={"how": "too_busy"})
    job = run_one(coserver_jobs)
    waits = (job.run_at - last_failure(coserver_jobs, job).at) / store.SECOND
    assert waits >= 70


@pytest.mark.parametrize(
    "touch",
    [
        ["redirect", "http://localhost/plone/there"],
        ["redirect", "http://elsewhere.example.org"],
        ["redirect", "http://localhost/plone/login"],
        ["setStatus", 201],
        ["setStatus", 204, None, True],
        ["setStatus", 404],
        ["setStatus", 500],
        ["setBody", "locked", "", False, True],
        ["setHeader", "Content-Length", "1"],
        ["setHeader", "Coserver-Completed", "x"],
        ["write", b"streamed"],
    ],
)
def test_a_function_that_returned_is_completed_with_what_it_returned(
    coserver_jobs: InProcessConsumer, site: Any, touch: list[Any]
) -> None:
    """Its work is committed, whatever a view that it called has done to the response."""
    job_id = functions.respond.delay(site, *touch)
    job = run_one(coserver_jobs)
    assert site.title == "written"
    assert (job.state, job.error) == (COMPLETED, None)
    assert queue.result(job_id) == 5


@pytest.mark.parametrize("then", ["return", "fail", "conflict", "commit", "abort", "end again"])
def test_a_job_that_snoozed_is_not_completed(
    coserver_jobs: InProcessConsumer, site: Any, then: str
) -> None:
    """Snoozing ends the attempt, also where code goes on after whatever error."""
    functions.rest_carefully.delay(site, then)
    job = run_one(coserver_jobs)
    assert (job.state, job.attempt) == (SCHEDULED, 0)
    assert site.title == "untouched"
    (again,) = coserver_jobs.run(scheduled=True)
    assert (again.id, again.state, again.attempt) == (job.id, SCHEDULED, 0)


@pytest.mark.parametrize("then", ["return", "fail", "conflict", "commit", "abort", "end again"])
def test_a_job_that_was_cancelled_is_not_completed(
    coserver_jobs: InProcessConsumer, site: Any, then: str
) -> None:
    """Once it has looked, also where code goes on after whatever error."""
    functions.look_carefully.delay(site, then)
    assert run_one(coserver_jobs).state is State.CANCELLED
    assert site.title == "untouched"


def test_a_job_that_snoozes_while_it_commits_is_not_completed(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """As in a before-commit hook, at the last moment when that can be."""
    functions.rest_in_hook.delay(site)
    job = run_one(coserver_jobs)
    assert (job.state, job.attempt) == (SCHEDULED, 0)
    assert site.title == "untouched"


@pytest.mark.parametrize("how", ["snooze_in_tile", "snooze_in_tile_and_conflict"])
def test_a_tile_may_snooze(coserver_jobs: InProcessConsumer, site: Any, how: str) -> None:
    """The view's job is meant; plone.subrequest makes a page of every error."""
    queue.add(site, view="@@test-end", params={"how": how})
    job = run_one(coserver_jobs)
    assert (job.state, job.attempt) == (SCHEDULED, 0)
    assert runs.state(job.key) is RunState.ENDED
    assert site.title == "untouched"


@pytest.mark.parametrize("seconds", ["inf", "nan", "-1", "1e300"])
def test_a_job_can_only_snooze_for_a_number_of_seconds(
    coserver_jobs: InProcessConsumer, site: Any, seconds: str
) -> None:
    """Else the call raises an error: one that snoozed for nan was run again and again."""
    functions.snooze.delay(seconds)
    job = run_one(coserver_jobs)
    assert (job.state, job.attempt) == (FAILED, 1)
    assert job.error.startswith("seconds is ")


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("exit", "SystemExit: 3"),
        ("interrupt", "KeyboardInterrupt: 3"),
        ("close", "GeneratorExit: 3"),
    ],
)
def test_a_job_that_exits_is_a_failed_attempt(
    coserver_jobs: InProcessConsumer, site: Any, how: str, error: str
) -> None:
    """Like any other, of a view and of a function, whose policy counts."""
    queue.add(site, view="@@test-end", params={"how": how})
    job = run_one(coserver_jobs)
    failure = last_failure(coserver_jobs, job)
    assert (job.state, job.attempt) == (SCHEDULED, 1)
    assert failure.error == error
    assert f"in {how}" in failure.traceback
    assert "ZPublisher" not in failure.traceback
    queue.cancel(job.id)
    functions.leave.delay(site, how)
    job = run_one(coserver_jobs)
    assert job.state is (FAILED if how == "interrupt" else SCHEDULED)
    assert last_failure(coserver_jobs, job).error == error
    assert site.title == "untouched"


def test_an_exit_of_somebody_else_is_none_of_the_job(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """As of a test that runs jobs while it handles one: the job's request is begun again."""
    queue.add(site, view="@@test-end", params={"how": "conflict"})
    try:
        raise KeyboardInterrupt  # noqa: TRY301  it is to be handled here
    except KeyboardInterrupt:
        job = run_one(coserver_jobs)
    assert "ConflictError" in last_failure(coserver_jobs, job).error


def test_a_job_may_abort_its_transaction(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """By hand, as any request may: what was done before isn't there, and the job is completed."""
    queue.add(site, view="@@test-end", params={"how": "abort"})
    job = run_one(coserver_jobs)
    assert job.state is COMPLETED
    assert site.title == "untouched"


@pytest.mark.parametrize("status", [102, 300, 304])
def test_a_status_that_gives_no_answer_fails_the_job(
    coserver_jobs: InProcessConsumer, site: Any, status: int
) -> None:
    """At once: a job has nothing in stock that a 304 could speak of."""
    queue.add(site, view="@@test-end", params={"how": "answer", "status": status})
    job = run_one(coserver_jobs)
    assert (job.state, job.attempt) == (FAILED, 1)
    assert f"was answered {status}" in job.error


def test_the_request_of_a_job_shows_nothing_of_it(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """Zope's error log keeps the request for people to read, with its environment."""
    queue.add(site, view="@@test-show", title="A job of mine")
    job = run_one(coserver_jobs)
    assert "coserver.admitted" in job.result["body"]
    for hidden in (job.signature, "A job of mine"):
        assert hidden not in job.result["body"]


def test_a_job_whose_owner_is_gone_fails_at_once(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """It is the job's failure, and no fault of the way to Zope."""
    user = api.user.create(username="jane", email="jane@example.org", password="a-Password-1")
    with api.env.adopt_user(user=user):
        queue.add(site, view="@@test-end", params={"how": "well"})
    transaction.commit()
    api.user.delete(username="jane")
    job = run_one(coserver_jobs)
    assert (job.state, job.attempt) == (FAILED, 1)
    assert "'jane' of /plone/acl_users, can't be logged in" in job.error
    assert site.title == "untouched"


@pytest.mark.parametrize("view", ["@@test-end", "test-end", "++view++test-end"])
@pytest.mark.parametrize("method", queue.METHODS)
def test_a_view_can_be_called_by_every_method(
    coserver_jobs: InProcessConsumer, site: Any, method: str, view: str
) -> None:
    """Zope takes a browser's PUT for that of a WebDAV client, which finds no views."""
    queue.add(site, view=f"{view}?how=well", method=method)
    job = run_one(coserver_jobs)
    assert (job.state, job.error, site.title) == (COMPLETED, None, "half done")


def test_the_parameters_of_a_put_are_a_form(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """As those of a POST."""
    queue.add(site, view="@@test-end", method="PUT", params={"how": "well"})
    assert run_one(coserver_jobs).state is COMPLETED


@pytest.mark.parametrize("at", ["", "/++api++"])
def test_a_service_is_called_by_its_method(
    coserver_jobs: InProcessConsumer, site: Any, at: str
) -> None:
    """As those of plone.restapi, which have no names."""
    api.content.create(site, "Document", "page", title="A page")
    said = {
        "headers": {"Accept": "application/json", "Content-Type": "application/json"},
        "payload": '{"title": "patched"}',
    }
    queue.add(f"/plone{at}/page", method="PATCH", **said)
    assert run_one(coserver_jobs).state is COMPLETED
    assert site.page.title == "patched"
    queue.add(f"/plone{at}/page", method="DELETE", headers={"Accept": "application/json"})
    assert run_one(coserver_jobs).state is COMPLETED
    assert "page" not in site


def test_what_is_deleted_is_not_acquired(coserver_jobs: InProcessConsumer, site: Any) -> None:
    """Zope's own DELETE deletes what is in that place, and nothing of that name further up."""
    api.content.create(site, "Folder", "folder")
    api.content.create(site, "Document", "page")
    queue.add("/plone/folder/page", method="DELETE")
    job = run_one(coserver_jobs)
    assert (job.state, job.attempt) == (FAILED, 1)
    assert job.error == "Nothing is at /plone/folder/page: DELETE isn't for what is acquired."
    assert "page" in site
    queue.add("/plone/page", method="DELETE")
    assert run_one(coserver_jobs).state is COMPLETED
    assert "page" not in site
