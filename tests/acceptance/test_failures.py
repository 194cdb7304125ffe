"""A view's status decides what becomes of its job."""

import pytest

from coserver_consumer import store
from support.installation import Installation
from support.jobs import Jobs
from support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("transport")


def test_a_view_that_is_not_there_fails_at_once(installation: Installation, jobs: Jobs) -> None:
    """Another try would find nothing either."""
    job = jobs.wait_ended(installation.queue("@@no-such-view"))
    assert (job.state, job.attempt) == ("failed", 1)
    assert "404" in job.error


def test_a_view_that_raises_is_tried_again_and_then_completes(
    installation: Installation, jobs: Jobs
) -> None:
    """Two attempts fail and leave their errors; the third completes the job."""
    job_id = installation.queue("@@test-fail-first")
    job = jobs.wait_completed(job_id)
    assert (job.attempt, job.result["body"]) == (3, "3")
    assert jobs.count_errors(job_id) == 2


def test_a_view_that_always_raises_fails_after_its_last_attempt(
    installation: Installation, jobs: Jobs
) -> None:
    """The job isn't tried more often than asked for."""
    job = jobs.wait_ended(installation.queue("@@test-fail-first", max_attempts=2))
    assert (job.state, job.attempt) == ("failed", 2)
    assert job.error.startswith("RuntimeError: ")


@pytest.mark.parametrize("status", [401, 403, 410])
def test_a_status_that_says_no_fails_the_job_at_once(
    installation: Installation, jobs: Jobs, status: int
) -> None:
    """The answer would be the same the next time."""
    job = jobs.wait_ended(installation.queue("@@test-status", params={"status": status}))
    assert (job.state, job.attempt) == ("failed", 1)
    assert str(status) in job.error


@pytest.mark.parametrize("status", [408, 429, 503])
def test_a_status_that_says_not_now_is_tried_again(
    installation: Installation, jobs: Jobs, status: int
) -> None:
    """The job is tried as often as it may be."""
    job_id = installation.queue("@@test-status", params={"status": status}, max_attempts=2)
    assert jobs.wait_ended(job_id).attempt == 2


def test_a_function_says_after_which_exceptions_it_is_tried_again(
    installation: Installation, jobs: Jobs
) -> None:
    """Zope knows the exception's class, and its consumer does as it is told."""
    job = jobs.wait_ended(installation.queue_call("sail", "rock"))
    assert (job.state, job.attempt, job.max_attempts) == ("failed", 1, 3)
    assert job.error == "RuntimeError: rock"


def test_a_function_says_how_long_its_next_attempt_waits(
    installation: Installation, jobs: Jobs
) -> None:
    """To the second, though the consumer's own backoff is shorter."""
    job_id = installation.queue_call("sail", "ebb", max_attempts=2)
    [first] = wait_for(lambda: jobs.failures(job_id), what="the first attempt to fail")
    waits = jobs.get(job_id)
    assert waits.run_at - first.at == pytest.approx(3 * store.SECOND, abs=store.SECOND / 10)
    assert jobs.wait_ended(job_id).attempt == 2
