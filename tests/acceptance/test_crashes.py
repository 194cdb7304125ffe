"""Processes that die in the middle of a job."""

from collections.abc import Iterator

import psutil
import pytest

from coserver_consumer.model.job import State
from support.installation import Installation
from support.jobs import Jobs
from support.waiting import wait_for


@pytest.fixture
def fragile(installation: Installation, jobs: Jobs) -> Iterator[str]:
    """A queue that only the consumers of these tests serve."""
    jobs.add_queue("fragile")
    yield "fragile"
    for name, process in installation.stack.processes.items():
        if name.startswith("fragile"):
            process.stop()


def queue_at_gate(installation: Installation, gate: str, queue: str, **options) -> str:
    """Queue a job that stands at the gate; return its id."""
    params = {"gate": gate}
    return installation.queue("@@test-stand-at-gate", queue=queue, params=params, **options)


def test_a_consumer_that_is_killed_loses_its_job_to_another(
    installation: Installation, jobs: Jobs, fragile: str
) -> None:
    """SIGKILL in the middle: the job is taken back, and the next consumer completes it."""
    doomed = installation.stack.start_consumer("fragile-1", "--queues", fragile)
    job_id = queue_at_gate(installation, "killed", fragile)
    installation.gates.wait_reached("killed")
    doomed.kill()
    installation.stack.start_consumer("fragile-2", "--queues", fragile)
    wait_for(lambda: jobs.get(job_id).rescues == 1, what="the job to be taken back")
    installation.gates.open("killed")
    job = jobs.wait_completed(job_id)
    assert (job.rescues, job.result["body"]) == (1, "through")


def test_a_killed_zope_worker_loses_its_job_before_its_successor_is_ready(
    installation: Installation, jobs: Jobs, fragile: str
) -> None:
    """Zope takes ten seconds to start; the jobs needn't wait for that."""
    consumer = installation.start_zodb_consumer("fragile-4", "--threads", "1", queue=fragile)
    job_id = queue_at_gate(installation, "zodb-killed", fragile)
    installation.gates.wait_reached("zodb-killed")
    [worker] = psutil.Process(consumer.pid).children()
    worker.kill()
    wait_for(lambda: jobs.get(job_id).rescues == 1, what="the job to be given back")
    assert consumer.output().count("Consumer is ready") == 1
    installation.gates.open("zodb-killed")
    job = jobs.wait_completed(job_id, within=60)
    assert (job.attempt, job.result["body"]) == (1, "through")


def test_a_consumer_that_is_stopped_finishes_its_job_first(
    installation: Installation, jobs: Jobs, fragile: str
) -> None:
    """SIGTERM in the middle: the consumer waits for the job, then ends well."""
    consumer = installation.stack.start_consumer("fragile-3", "--queues", fragile)
    job_id = queue_at_gate(installation, "stopped", fragile)
    installation.gates.wait_reached("stopped")
    consumer.send(consumer.ending)
    installation.gates.open("stopped")
    assert consumer.wait() == 0
    job = jobs.get(job_id)
    assert (job.state, job.attempt) == (State.COMPLETED, 1)


def test_a_job_survives_the_death_of_its_zope(installation: Installation, jobs: Jobs) -> None:
    """Zope dies in the middle and comes back: the job is tried until it is done."""
    job_id = queue_at_gate(installation, "zope", "default", max_attempts=1000)
    installation.gates.wait_reached("zope")
    installation.job_zope.kill()
    installation.gates.open("zope")
    installation.job_zope.start()
    job = jobs.wait_completed(job_id)
    assert job.attempt > 1
    assert jobs.count_errors(job_id) == job.attempt - 1
