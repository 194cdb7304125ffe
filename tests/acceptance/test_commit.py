"""A job exists if and only if the request that queued it committed."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.installation import Installation
from support.jobs import Jobs, answer_of


def test_an_aborted_request_queues_nothing(installation: Installation, jobs: Jobs) -> None:
    """None of the ten jobs of a request that failed is there."""
    answer = installation.admin().get("@@test-queue-then-fail")
    assert answer.status_code == 500
    assert jobs.titled("aborted") == []


def test_a_conflict_retry_queues_one_job(installation: Installation, jobs: Jobs) -> None:
    """Of two requests that write the same object one is begun again; each has one job."""
    admin = installation.admin()
    with ThreadPoolExecutor(2) as pool:
        requests = [
            pool.submit(admin.get, "@@test-queue-amid-conflict", title="amid conflict")
            for _ in range(2)
        ]
        answers = [request.result().json() for request in requests]
    assert sorted(answer["retries"] for answer in answers) == [0, 1]
    queued = {job.id for job in jobs.titled("amid conflict")}
    assert queued == {answer["job_id"] for answer in answers}
    assert len(queued) == 2


def test_a_savepoint_rollback_drops_only_later_jobs(installation: Installation, jobs: Jobs) -> None:
    """What was queued before the savepoint or after the rollback stays."""
    ids = installation.admin().get("@@test-queue-around-savepoint").json()
    jobs.wait_completed(ids["before"])
    jobs.wait_completed(ids["after"])
    assert not jobs.exists(ids["inside"])


@pytest.mark.usefixtures("transport")
def test_a_document_published_by_a_job_is_seen_by_a_visitor(
    installation: Installation, jobs: Jobs
) -> None:
    """The job finds the document that its request has just made, and opens it to all."""
    made = installation.make_document()
    job = jobs.wait_completed(made["job_id"])
    assert job.result["body"] == "published"
    page = installation.visitor().get(made["name"])
    assert page.status_code == 200
    assert "From the harbour" in page.text


@pytest.mark.usefixtures("transport")
def test_a_job_never_sees_a_database_older_than_its_request(
    installation: Installation, jobs: Jobs
) -> None:
    """The job's Zope hears late of the new document; the job waits and finds it."""
    with installation.line.held():
        made = installation.make_document()
        jobs.wait_running(made["job_id"])
        with pytest.raises(AssertionError, match="to end"):
            jobs.wait_ended(made["job_id"], within=1)
    assert jobs.wait_completed(made["job_id"]).attempt == 1


@pytest.mark.usefixtures("transport")
def test_a_job_may_write_on_a_get(installation: Installation, jobs: Jobs) -> None:
    """Plone's protection against forged requests doesn't stop a job."""
    job_id = installation.queue("@@test-write", params={"text": "Written by a GET"})
    assert jobs.wait_completed(job_id).result["body"] == "written"
    assert "Written by a GET" in installation.admin().get("@@test-description").text


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("name", ["with a space", "grüße", "100% sure", "a+b;c,d"])
def test_a_job_finds_an_object_whatever_its_name(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """A path is spelled for the wire once, and read once."""
    made = installation.make_document(name=f"{name} for {installation.queue_name}")
    assert jobs.wait_completed(made["job_id"]).result["body"] == "published"


@pytest.mark.usefixtures("transport")
def test_parameters_reach_the_view(installation: Installation, jobs: Jobs) -> None:
    """The view of a GET and that of a POST read the same form."""
    for method in ("GET", "POST"):
        job_id = installation.queue(
            "@@test-who-am-i", method=method, params={"feed": "42", "name": "Grüße & Küsse"}
        )
        form = answer_of(jobs.wait_completed(job_id))["form"]
        assert form == {"feed": "42", "name": "Grüße & Küsse"}, json.dumps(form)
