"""What plone.app.async and collective.celery did for their users, over both transports.

These are the behaviours that their own tests and pages promise, each with a real job; their events
are in ``test_events``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from coserver_consumer import store
from coserver_consumer.model.job import Job, State
from coserver_consumer.store import manage
from support.browser import Browser
from support.installation import PASSWORD, Installation
from support.jobs import Jobs, answer_of
from support.waiting import wait_for


@pytest.fixture
def name(transport: str) -> str:
    """A name that no other test uses."""
    return f"{transport}{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def other_site(installation: Installation) -> str:
    """The address of a second site, where the user carl has another role than in the first."""
    installation.stack.create_site("Harbour", ["collective.coserver:default"])
    url = f"{installation.stack.url}/Harbour"
    admin = installation.admin()
    made = Browser(url, login=admin.session.auth).post(
        "@@test-add-user", name="carl", role="Reviewer", password=PASSWORD
    )
    made.raise_for_status()
    return url


def queue_as_before(
    installation: Installation, kind: str, name: str, *, by: Browser | None = None
) -> Any:
    """Have a request queue what add-ons of the predecessors queued; return what it answers."""
    answer = (by or installation.admin()).get(
        "@@test-queue-as-before", kind=kind, name=name, queue=installation.queue_name
    )
    answer.raise_for_status()
    return answer.json()


def notes(installation: Installation, name: str) -> list[str]:
    """Return what jobs have written down under the name."""
    return list(installation.admin().get("@@test-remembered", name=name).json())


def state_of(installation: Installation, name: str) -> list[str]:
    """Return a document's state in its workflow, and its creator."""
    return list(installation.admin().get("@@test-review-state", name=name).json())


# plone.app.async: jobs and batches


def test_a_computation_gives_its_result(installation: Installation, jobs: Jobs, name: str) -> None:
    """Before the commit its id is known, and its state says that it isn't committed."""
    said = queue_as_before(installation, "sum", name)
    assert said["state"] == State.STAGED
    assert jobs.wait_completed(said["job"]).result == 42


def test_serial_jobs_run_one_after_another(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """The second finds what the first has made; both are the user's."""
    carl = installation.user("carl")
    first, second = queue_as_before(installation, "serial", name, by=carl)
    assert jobs.wait_completed(second).result == "workflow_change"
    assert jobs.get(first).result == name
    assert state_of(installation, name) == ["pending", "carl"]


def test_a_job_may_queue_another(installation: Installation, jobs: Jobs, name: str) -> None:
    """It exists if the transaction of the first one commits."""
    first = jobs.wait_completed(queue_as_before(installation, "nested", name))
    assert jobs.wait_completed(first.result).result == "workflow_change"
    assert state_of(installation, name) == ["pending", "admin"]


def test_parallel_jobs_run_at_once(installation: Installation, jobs: Jobs, name: str) -> None:
    """Each waits for the others at its gate; their commits conflict, and Zope tries again."""
    ids = queue_as_before(installation, "parallel", name)
    texts = [f"{name}_{number}" for number in range(3)]
    for text in texts:
        installation.gates.wait_reached(text)
    for text in texts:
        installation.gates.open(text)
    assert {jobs.wait_completed(job_id).result for job_id in ids} == set(texts)
    assert sorted(notes(installation, name)) == texts


def test_a_quota_of_one_keeps_their_order(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """Jobs of one quota run one at a time, as they were queued."""
    done = [jobs.wait_completed(job_id) for job_id in queue_as_before(installation, "quota", name)]
    assert notes(installation, name) == ["first", "second", "third"]
    assert all(before.ended_at <= begun(after) for before, after in pairwise(done))


def test_conflicting_jobs_all_have_their_effect_once(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """Whoever commits second begins again; no note is lost, and none is there twice."""
    for job_id in queue_as_before(installation, "conflicting", name):
        jobs.wait_completed(job_id)
    assert sorted(notes(installation, name), key=int) == [str(number) for number in range(12)]


def test_a_doomed_job_is_tried_again_and_fails(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """Nothing of it is committed, and its error says why."""
    job = jobs.wait_ended(queue_as_before(installation, "doomed", name))
    assert (job.state, job.attempt) == (State.FAILED, 3)
    assert "doomed" in job.error
    assert notes(installation, name) == []


def test_a_job_begins_after_its_delay(installation: Installation, jobs: Jobs, name: str) -> None:
    """``begin_after``: not before, by the database's clock."""
    job = jobs.wait_completed(queue_as_before(installation, "delayed", name))
    assert begun(job) - job.created_at >= 2 * store.SECOND


def test_a_job_that_isn_t_begun_in_time_expires(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """``begin_by``: it waits for one that is at work, and never runs."""
    first, second = queue_as_before(installation, "expiring", name)
    assert jobs.wait_ended(second).state is State.EXPIRED
    installation.gates.open(name)
    jobs.wait_completed(first)
    assert notes(installation, name) == [name]


def test_a_job_that_is_killed_leaves_nothing(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """It stands in the middle of its work and doesn't look whether it is cancelled."""
    job_id = queue_as_before(installation, "stuck", name)
    installation.gates.wait_reached(name)
    store.write(jobs.engine, lambda connection: manage.cancel(connection, job_id, kill=True))
    assert jobs.wait_ended(job_id).state is State.CANCELLED
    installation.gates.open(name)
    after = queue_as_before(installation, "sum", name)["job"]
    assert jobs.wait_completed(after).result == 42
    assert notes(installation, name) == []


def test_a_job_finds_what_its_user_may_see(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """A visitor's job doesn't find a private document."""
    jobs.wait_completed(queue_as_before(installation, "objects", name))
    for who, number in ((installation.admin(), 1), (installation.visitor(), 0)):
        job = jobs.wait_completed(queue_as_before(installation, "search", f"{name}-a", by=who))
        assert job.result == number


def test_a_callback_gets_the_result_or_the_error(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """It is tried again when it fails; what is for the other end never runs."""
    added, failed, blocked = queue_as_before(installation, "callbacks", name)
    assert jobs.wait_completed(added).result == 42
    assert jobs.wait_ended(failed).state is State.FAILED
    wait_for(lambda: notes(installation, f"{name}_failure"), what="the callback of the failure")
    wait_for(lambda: notes(installation, f"{name}_sum"), what="the callback of the sum")
    assert notes(installation, f"{name}_sum") == [["completed", 42, None]]
    assert notes(installation, f"{name}_failure") == [["failed", None, "RuntimeError: FooBar"]]
    assert jobs.get(blocked).state is State.BLOCKED  # until the failed one is run again
    store.write(jobs.engine, lambda connection: manage.cancel(connection, blocked))


def test_each_site_has_its_own_jobs(
    installation: Installation, jobs: Jobs, other_site: str, name: str
) -> None:
    """A job runs in its site, as the user whom that site knows under the id."""
    for url in (installation.url, other_site):
        carl = Browser(url, login=("carl", PASSWORD))
        roles = carl.get("@@test-who-am-i").json()["roles"]
        job_id = installation.queue("@@test-who-am-i", by=carl)
        as_job = answer_of(jobs.wait_completed(job_id))
        assert (as_job["url"], as_job["user"], as_job["roles"]) == (url, "carl", roles)


# collective.celery


def test_objects_within_arguments_are_found_again(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """In lists and mappings, though the request that queued them has just made them."""
    job = jobs.wait_completed(queue_as_before(installation, "objects", name))
    assert job.result == f"{name}: /Plone/{name}-a, /Plone/{name}-b"


def test_a_task_may_run_as_the_system(installation: Installation, jobs: Jobs, name: str) -> None:
    """``as_admin``: it does what its user may not."""
    carl = installation.user("carl")
    job = jobs.wait_completed(queue_as_before(installation, "publication", name, by=carl))
    assert job.result == "published"


def test_identical_calls_are_two_jobs(installation: Installation, jobs: Jobs, name: str) -> None:
    """collective.celery sent one of them."""
    for job_id in queue_as_before(installation, "twice", name):
        jobs.wait_completed(job_id)
    assert notes(installation, name) == ["same", "same"]


def test_a_call_takes_every_option(installation: Installation, jobs: Jobs, name: str) -> None:
    """As ``apply_async`` did, with an id of one's own."""
    said = queue_as_before(installation, "with_options", name)
    job = jobs.wait_completed(said["given"])
    assert said["given"] == said["wanted"]
    assert (job.priority, job.max_attempts, job.title) == (3, 2, name)


def test_what_is_aborted_was_never_queued(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """No row is left."""
    assert not jobs.exists(queue_as_before(installation, "then_abort", name))


def begun(job: Job) -> int:
    """Return when a job was begun."""
    assert job.started_at is not None
    return job.started_at
