"""Methods are called through Zope's XML-RPC, over both transports."""

import pytest

from support.installation import Installation
from support.jobs import Jobs

pytestmark = pytest.mark.usefixtures("transport")


def test_a_method_is_called_with_its_arguments_as_the_queuing_user(
    installation: Installation, jobs: Jobs
) -> None:
    """What it returned is the job's result, whatever of XML-RPC's types it has."""
    job_id = installation.queue_xmlrpc("test-xmlrpc-echo", "Grüße", 42, [1.5, {"a": None}], True)
    result = jobs.wait_completed(job_id).result
    assert result == {
        "args": ["Grüße", 42, [1.5, {"a": None}], True],
        "user": "admin",
        "bytes": {"$": "bytes", "value": "AP8="},
        "moment": {"$": "datetime", "value": ["2026-01-02T03:04:05", None]},
        "nothing": None,
    }


def test_a_fault_fails_the_job_at_once(installation: Installation, jobs: Jobs) -> None:
    """The method returned it and Zope has committed: again would be twice."""
    text = f"Anna for {installation.queue_name}"
    job = jobs.wait_ended(installation.queue_xmlrpc("test-xmlrpc-fault", text))
    assert (job.state, job.attempt) == ("failed", 1)
    assert f"fault 7: no ship is called {text}" in job.error
    assert text in installation.admin().get("@@test-description").text


def test_a_method_that_raises_is_tried_again(installation: Installation, jobs: Jobs) -> None:
    """As a view is."""
    job = jobs.wait_ended(installation.queue_xmlrpc("test-xmlrpc-error", max_attempts=2))
    assert (job.state, job.attempt) == ("failed", 2)
    assert job.error.startswith("RuntimeError: ")


def test_a_method_that_is_not_there_fails_the_job(installation: Installation, jobs: Jobs) -> None:
    """Another try would find nothing either."""
    job = jobs.wait_ended(installation.queue_xmlrpc("no_such_method"))
    assert (job.state, job.attempt) == ("failed", 1)
    assert "404" in job.error
