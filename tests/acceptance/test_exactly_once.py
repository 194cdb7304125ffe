"""The effect of a job on the ZODB happens once, whatever dies or is late."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from coserver_consumer import store
from coserver_consumer.model.job import State
from coserver_consumer.store import manage
from support.freezing import freeze
from support.installation import Installation
from support.jobs import Jobs
from support.waiting import wait_for


@pytest.fixture
def counting(installation: Installation, jobs: Jobs) -> Iterator[str]:
    """A queue that only the consumers of these tests serve."""
    jobs.add_queue("counting")
    yield "counting"
    for name, process in installation.stack.processes.items():
        if name.startswith("counting"):
            process.send(signal.SIGCONT) if process.is_running else None
            process.stop()


def count_later(installation: Installation, name: str, queue: str, **options) -> str:
    """Queue a job that counts and then stands at a gate; return its id."""
    return installation.queue("@@test-count", queue=queue, params={"name": name}, **options)


def counted(installation: Installation, name: str) -> int:
    """Return how often the jobs of that name had their effect."""
    return int(installation.admin().get("@@test-counted", name=name).text)


def test_an_answer_that_comes_too_late_is_no_second_effect(
    installation: Installation, jobs: Jobs
) -> None:
    """The consumer waits no longer for it, but for Zope's word that it has ended."""
    job_id = count_later(installation, "late", "default", timeout=1)
    installation.gates.wait_reached("late")
    wait_for(lambda: is_late(jobs, job_id), what="the job's time to be over")
    installation.gates.open("late")
    assert jobs.wait_completed(job_id).attempt == 1
    assert counted(installation, "late") == 1


def is_late(jobs: Jobs, job_id: str) -> bool:
    """Return True if a job has run for two seconds beyond its timeout."""
    now = store.read(jobs.engine, manage.now)
    return now > jobs.get(job_id).deadline_at + 2 * store.SECOND


def test_a_zombie_has_no_effect(installation: Installation, jobs: Jobs, counting: str) -> None:
    """A consumer is stopped past its lease and goes on: its attempt can't commit, and it says so.

    The second one begins when Zope isn't at the first any more.
    """
    zombie = installation.stack.start_consumer(
        "counting-1", "--queues", counting, "--processes", "0"
    )
    job_id = count_later(installation, "zombie", counting)
    installation.gates.wait_reached("zombie")
    freeze(zombie, jobs.engine.url.render_as_string(hide_password=False))
    installation.stack.start_consumer("counting-2", "--queues", counting)
    wait_for(lambda: jobs.get(job_id).rescues == 1, what="the job to be taken back")
    installation.gates.open("zombie")
    job = jobs.wait_completed(job_id)
    zombie.send(signal.SIGCONT)
    wait_for(lambda: "given up" in zombie.output(), what="the zombie to say so")
    assert (job.rescues, counted(installation, "zombie")) == (1, 1)


def test_a_call_whose_consumer_dies_counts_once(
    installation: Installation, jobs: Jobs, counting: str
) -> None:
    """A function ends its job with the commit of its effect, as a view does."""
    doomed = installation.stack.start_consumer("counting-4", "--queues", counting)
    job_id = installation.queue_call("count_at_gate", "orphan", queue=counting)
    installation.gates.wait_reached("orphan")
    doomed.kill()
    installation.gates.open("orphan")
    job = jobs.wait_completed(job_id)
    assert (job.attempt, job.rescues, job.result) == (1, 0, 1)
    assert counted(installation, "orphan") == 1


def test_a_call_that_comes_through_trouble_counts_once(
    installation: Installation, jobs: Jobs
) -> None:
    """It fails, is tried again, snoozes, meets a conflict, and then is done."""
    job_id = installation.queue_call("count_amid_trouble", "trouble")
    job = jobs.wait_completed(job_id)
    assert (job.attempt, job.result["counted"]) == (2, 1)
    assert job.result["site"]["value"]["path"] == "/Plone"
    assert counted(installation, "trouble") == 1
    [failed] = jobs.failures(job_id)
    assert failed.error == "RuntimeError: This attempt was meant to fail."
    assert "in count_amid_trouble" in failed.traceback
    assert "attempt 1" in jobs.lines(job_id)


def test_a_conflict_in_zope_is_one_attempt(installation: Installation, jobs: Jobs) -> None:
    """Zope begins the request again by itself."""
    job_id = installation.queue("@@test-count-amid-conflict", params={"name": "conflict"})
    job = jobs.wait_completed(job_id)
    assert (job.attempt, job.result["body"]) == (1, "1")
    assert counted(installation, "conflict") == 1


def test_an_error_status_that_zope_commits_is_no_completed_job(
    installation: Installation, jobs: Jobs
) -> None:
    """The view returned and was committed, but its job is tried again as its status says."""
    job_id = installation.queue("@@test-count-and-fail", params={"name": "failed"})
    job = jobs.wait_completed(job_id)
    assert (job.attempt, counted(installation, "failed")) == (2, 2)


def test_a_consumer_that_dies_after_the_commit_leaves_a_completed_job(
    installation: Installation, jobs: Jobs, counting: str
) -> None:
    """Zope ends the job with its commit; nobody has to hear the answer."""
    doomed = installation.stack.start_consumer("counting-3", "--queues", counting)
    job_id = count_later(installation, "deaf", counting)
    installation.gates.wait_reached("deaf")
    doomed.kill()
    installation.gates.open("deaf")
    job = jobs.wait_completed(job_id)
    assert (job.state, job.attempt, job.rescues) == (State.COMPLETED, 1, 0)
    assert counted(installation, "deaf") == 1
