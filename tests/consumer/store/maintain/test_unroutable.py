"""Jobs in queues that nobody knows, as other programs may write them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from coserver_consumer.model.job import State
from coserver_consumer.store.schema import tables


@pytest.fixture
def put_long_ago(queue):
    """Queue a job that has been due for as many seconds, and return its id."""

    def put(seconds: float, **values) -> str:
        job_id = queue.put(**values)
        job = tables.job.c
        waited = round(seconds * 1_000_000)
        with queue.engine.begin() as connection:
            connection.execute(
                sa.update(tables.job)
                .where(job.id == job_id)
                .values(run_at=job.run_at - waited, created_at=job.created_at - waited)
            )
        return job_id

    return put


def test_a_job_in_an_unknown_queue_fails_after_a_minute(queue, put_long_ago):
    """Its error says which queues there are and what to do; the others stay."""
    queue.add_queue("mail")
    young, fine = put_long_ago(50, queue="mial"), put_long_ago(600, queue="mail")
    old = put_long_ago(70, queue="mial")
    assert queue.fail_unroutable() == {"mial": [old]}
    job = queue.get(old)
    assert (job.state, job.attempt) == (State.FAILED, 0)
    assert "No queue is called 'mial'; known are: default, mail." in job.error
    assert "`coserver queues add mial`" in job.error
    assert "`coserver jobs retry`" in job.error
    assert [queue.get(job_id).state for job_id in (young, fine)] == [State.READY] * 2


def test_a_job_that_is_due_for_a_moment_only_waits(queue, put_long_ago):
    """It was added long ago for now, or was run again just now."""
    job_id = put_long_ago(600, queue="mial")
    with queue.engine.begin() as connection:
        connection.execute(sa.update(tables.job).values(run_at=tables.job.c.run_at + 590_000_000))
    assert queue.fail_unroutable() == {}
    assert queue.fail_unroutable(older_than=5) == {"mial": [job_id]}


def test_a_new_job_that_was_due_long_ago_waits(queue, put_long_ago):
    """A consumer that has just begun to start still makes its queue known."""
    put_long_ago(600, queue="mial")
    with queue.engine.begin() as connection:
        created = tables.job.c.created_at + 590_000_000
        connection.execute(sa.update(tables.job).values(created_at=created))
    assert queue.fail_unroutable() == {}


def test_a_failed_one_runs_once_its_queue_is_known(queue, put_long_ago):
    """What the error says to do helps."""
    job_id = put_long_ago(600, queue="mial")
    queue.fail_unroutable()
    queue.add_queue("mial")
    queue.retry(job_id)
    assert queue.fail_unroutable(older_than=-1) == {}
    assert [job.id for job in queue.take(queues=["mial"])] == [job_id]


def test_many_are_failed_in_pages(queue, put_long_ago):
    """Of several queues, as many as one transaction should hold."""
    for name in ("a", "b", "z"):
        for _ in range(2):
            put_long_ago(600, queue=name)
    assert sum(map(len, queue.fail_unroutable(limit=5).values())) == 5
    assert sum(map(len, queue.fail_unroutable(limit=5).values())) == 1
    assert queue.fail_unroutable(limit=5) == {}


def test_states_that_wait_for_something_else_are_left_alone(queue, put_long_ago):
    """A scheduled job isn't due; a running one is somebody's."""
    put_long_ago(600, queue="mial", delay=10_000)
    running = put_long_ago(600)
    queue.take()
    with queue.engine.begin() as connection:
        gone = sa.update(tables.job).where(tables.job.c.id == running)
        connection.execute(gone.values(queue="mial"))
    assert queue.fail_unroutable() == {}
