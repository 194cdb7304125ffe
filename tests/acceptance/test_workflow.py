"""Workflows, and jobs that must not meet, over both transports."""

from itertools import pairwise

import pytest

from coserver_consumer import store
from coserver_consumer.model.job import Job, State
from coserver_consumer.store import manage
from support.installation import Installation
from support.jobs import Jobs


@pytest.fixture
def name(transport: str) -> str:
    """What the test's jobs count, on this transport."""
    return transport


def queue_workflow(installation: Installation, kind: str, name: str) -> dict[str, str]:
    """Have a request that changes the site queue jobs; return their ids by what they are."""
    answer = installation.admin().get(
        "@@test-queue-workflow", kind=kind, name=name, queue=installation.queue_name
    )
    answer.raise_for_status()
    return dict(answer.json())


def test_what_follows_a_group_of_functions_sees_all_their_work(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """It runs once, when the last of them has ended, and what is for a failure doesn't run."""
    ids = queue_workflow(installation, "group", f"group_{name}")
    success = jobs.wait_completed(ids.pop("success"))
    failure = jobs.wait_ended(ids.pop("failure"))
    members = [jobs.get(job_id) for job_id in ids.values()]
    assert (success.result, success.attempt) == ([1] * 5, 1)
    assert {job.state for job in members} == {State.COMPLETED}
    assert success.started_at >= max(job.ended_at for job in members)
    assert (failure.state, failure.started_at) == (State.CANCELLED, None)


def test_a_chain_stops_at_a_failure_and_goes_on_when_that_is_mended(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """What is behind it waits until it was run again and is completed."""
    gate = f"chain_{name}"
    ids = queue_workflow(installation, "chain", gate)
    assert jobs.wait_ended(ids["middle"]).state is State.FAILED
    assert jobs.get(ids["first"]).state is State.COMPLETED
    assert jobs.get(ids["last"]).state is State.BLOCKED
    installation.gates.open(gate)
    store.write(jobs.engine, lambda connection: manage.retry(connection, ids["middle"]))
    last = jobs.wait_completed(ids["last"])
    middle = jobs.get(ids["middle"])
    assert (middle.result, last.result["body"]) == (2, "counted")
    assert last.started_at >= middle.ended_at


def test_jobs_with_a_limit_of_one_never_meet_in_zope(
    installation: Installation, jobs: Jobs, name: str
) -> None:
    """Though the consumer has threads for several: each begins when the one before has ended."""
    ids = queue_workflow(installation, "limited", f"limited_{name}")
    done = [jobs.wait_completed(job_id, within=60) for job_id in ids.values()]
    done.sort(key=begun)
    assert all(before.ended_at <= begun(after) for before, after in pairwise(done))
    assert [job.result for job in done] == list(range(1, 21))


def begun(job: Job) -> int:
    """Return when a job was begun."""
    assert job.started_at is not None
    return job.started_at
