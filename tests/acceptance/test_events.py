"""Events are told, whatever dies: a job's own with its commit, the others until they were told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.model.job import State
from coserver_consumer.store import manage
from coserver_consumer.store.schema import tables
from support.installation import Installation
from support.jobs import Jobs
from support.waiting import wait_for


@pytest.fixture
def telling(installation: Installation, jobs: Jobs) -> Iterator[str]:
    """A queue that only the consumers of these tests serve."""
    jobs.add_queue("telling")
    yield "telling"
    for name, process in installation.stack.processes.items():
        if name.startswith("telling"):
            process.stop()


def wait_told(jobs: Jobs, *ids: str) -> None:
    """Wait until nothing is left to be told of these jobs."""
    event = tables.event.c
    query = sa.select(event.id).where(event.job_id.in_(ids)).limit(1)
    wait_for(
        lambda: store.read(jobs.engine, lambda c: c.execute(query).first()) is None,
        what="the ends of the jobs to be told",
    )


def times(installation: Installation, event: str, job_id: str) -> int:
    """Return how often the event was told of the job, by what a subscriber has committed."""
    return int(installation.admin().get("@@test-counted", name=f"{event}_{job_id}").text)


def test_events_are_told_over_both_transports(
    installation: Installation, jobs: Jobs, transport: str
) -> None:
    """Each once where nothing dies."""
    done = installation.queue_call("count_one", f"told_{transport}", title="told")
    failed = installation.queue_call("sail", "rock", title="told", max_attempts=1)
    cancelled = installation.queue_call("count_one", "never", title="told", delay=600)
    store.write(jobs.engine, lambda connection: manage.cancel(connection, cancelled))
    jobs.wait_completed(done)
    assert jobs.wait_ended(failed).state is State.FAILED
    wait_told(jobs, failed, cancelled)
    assert times(installation, "JobFailed", failed) == 1
    assert times(installation, "JobCancelled", cancelled) == 1
    for event in ("JobQueued", "JobStarted", "JobSucceeded"):
        assert times(installation, event, done) == 1


def test_events_survive_the_death_of_consumer_and_zope(
    installation: Installation, jobs: Jobs, telling: str
) -> None:
    """SIGKILL while a subscriber is told of a failure, and while another job does its work."""
    doomed = installation.stack.start_consumer("telling-1", "--queues", telling)
    say = {"queue": telling, "title": "told telling", "max_attempts": 1}
    failed = [installation.queue_call("sail", "rock", **say) for _ in range(3)]
    installation.gates.wait_reached("telling")
    own = {"queue": telling, "title": "told", "max_attempts": 1000}
    done = installation.queue_call("count_at_gate", "telling-own", **own)
    installation.gates.wait_reached("telling-own")
    doomed.kill()
    installation.job_zope.kill()
    assert [times(installation, "JobFailed", job_id) for job_id in failed] == [0, 0, 0]
    installation.gates.open("telling")
    installation.gates.open("telling-own")
    installation.job_zope.start()
    installation.stack.start_consumer("telling-2", "--queues", telling)
    jobs.wait_completed(done)
    wait_told(jobs, *failed)
    assert min(times(installation, "JobFailed", job_id) for job_id in failed) >= 1
    told = [times(installation, f"Job{name}", done) for name in ("Queued", "Started", "Succeeded")]
    assert told == [1, 1, 1]
