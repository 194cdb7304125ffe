"""No two attempts of a job are at work at once, however long Zope takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coserver_consumer.model.job import State
from support.installation import Installation
from support.jobs import Jobs
from support.mail import Mailbox
from support.waiting import wait_for


@pytest.fixture(params=["http", "zodb"])
def impatient(request: pytest.FixtureRequest, installation: Installation) -> Iterator[str]:
    """A queue whose consumer waits a second for Zope's answer; for each transport."""
    if request.param == "zodb":
        request.getfixturevalue("zodb_consumer")
        yield "zodb"
        return
    flags = ["--queues", "impatient", "--http-timeout", "1"]
    consumer = installation.stack.start_consumer("impatient", *flags)
    yield "impatient"
    consumer.stop()


def send_mails(installation: Installation, domain: str, queue: str, **options) -> str:
    """Queue a job that takes four seconds for twenty mails; return its id."""
    params = {"domain": domain, "number": 20, "pause": 0.2}
    return installation.queue("@@test-send-mails", queue=queue, params=params, **options)


def test_twenty_mails_that_take_too_long_are_twenty_mails(
    installation: Installation, jobs: Jobs, mailbox: Mailbox, impatient: str
) -> None:
    """The answer is late, but the work is done: the job is completed, at its first attempt."""
    domain = f"{impatient}.late.example.org"
    job = jobs.wait_completed(send_mails(installation, domain, impatient), within=60)
    assert job.attempt == 1
    assert len(mailbox.to_domain(domain)) == 20


def test_a_limit_counts_what_is_still_at_work_in_zope(
    installation: Installation, jobs: Jobs, mailbox: Mailbox, impatient: str
) -> None:
    """The second job begins when the first has ended, not when its consumer has lost patience."""
    domain = f"{impatient}.limit.example.org"
    options = {"queue": impatient, "limit": f"mails-{impatient}", "max_attempts": 1}
    ids = [send_mails(installation, domain, **options) for _ in range(2)]
    for job_id in ids:
        jobs.wait_completed(job_id, within=60)
    assert len(mailbox.to_domain(domain)) == 40


def test_a_job_that_takes_too_long_is_told_to_stop(
    installation: Installation, jobs: Jobs, impatient: str
) -> None:
    """It does so at its next check; only then the next attempt begins."""
    params = {"name": f"stopped-{impatient}"}
    timeout = None if impatient == "impatient" else 1
    job_id = installation.queue(
        "@@test-work-until-stopped", queue=impatient, params=params, timeout=timeout
    )
    job = jobs.wait_completed(job_id, within=60)
    assert (job.attempt, job.result["body"]) == (2, "nothing to do")
    assert jobs.count_errors(job_id) == 1


def test_a_rescued_job_waits_for_its_earlier_run(installation: Installation, jobs: Jobs) -> None:
    """Its consumer is killed while Zope works on: the next one waits until Zope has ended."""
    jobs.add_queue("rescued")
    doomed = installation.stack.start_consumer("rescued-1", "--queues", "rescued")
    job_id = installation.queue(
        "@@test-stand-alone", queue="rescued", params={"name": "rescued"}, max_attempts=1
    )
    installation.gates.wait_reached("rescued")
    doomed.kill()
    heir = installation.stack.start_consumer("rescued-2", "--queues", "rescued")
    wait_for(lambda: is_running_again(jobs, job_id), what="the job to be taken again")
    installation.gates.open("rescued")
    job = jobs.wait_completed(job_id)
    heir.stop()
    assert (job.rescues, job.attempt) == (1, 1)


def is_running_again(jobs: Jobs, job_id: str) -> bool:
    """Return True if the job runs after it was rescued."""
    job = jobs.get(job_id)
    return job.rescues == 1 and job.state is State.RUNNING
