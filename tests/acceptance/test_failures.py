"""A view's status decides what becomes of its job."""

import pytest

from support.installation import Installation
from support.jobs import Jobs

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
    assert "500" in job.error


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
