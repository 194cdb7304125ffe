"""Jobs of a request that died: the consumer's resolver asks Zope, over HTTP, what became of it."""

import pytest

from coserver_consumer import store
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.store import enqueue
from support.installation import Installation
from support.jobs import Jobs
from support.waiting import wait_for


@pytest.mark.parametrize("commits", [True, False])
def test_the_jobs_of_a_dead_request_are_decided(
    installation: Installation, jobs: Jobs, *, commits: bool
) -> None:
    """A row is staged as a producer leaves it that died after its vote.

    Beside it is one that no producer has written: it is decided by itself.
    """
    made = installation.admin().get("@@test-make-document").json()
    committed = jobs.wait_completed(made["job_id"])
    job = NewJob(task="http", args={"url": "http://example.invalid/"})
    batch = committed.batch if commits else new_id()
    evidence = {"database": "main", "base_tid": committed.tid}
    store.write(jobs.engine, lambda c: enqueue.stage(c, [job], batch=batch, evidence=evidence))
    odd = NewJob(task="http")
    nonsense = {"database": "main", "base_tid": -1, "marker": -1}
    store.write(jobs.engine, lambda c: enqueue.stage(c, [odd], batch=new_id(), evidence=nonsense))
    wait_for(lambda: jobs.get(job.id).state is not State.STAGED, what="a decision", within=60)
    assert (jobs.get(job.id).state is State.DROPPED) is not commits
    wait_for(lambda: jobs.get(odd.id).state is State.UNKNOWN, what="a decision", within=60)
