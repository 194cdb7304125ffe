"""Jobs whose request hasn't finished."""

import pytest

from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions


@pytest.fixture
def batch(queue):
    """The id of a batch of two staged jobs."""
    batch = new_id()
    jobs = [NewJob(task="t"), NewJob(task="t", options=JobOptions(delay=60))]
    queue.stage(jobs, batch=batch, evidence={"database": "main", "base_tid": 7})
    return batch


def test_a_staged_job_is_not_claimed(queue, batch):
    """Nobody knows yet whether its request committed."""
    assert queue.take(5) == []
    assert queue.counts() == {"default": {State.STAGED: 2}}


@pytest.mark.parametrize("promotion", ["promote", "promote_staged"])
def test_promotion_lets_the_jobs_run_when_they_are_due(queue, batch, promotion):
    """They bear the transaction's id; one of them was delayed."""
    assert getattr(queue, promotion)(batch, tid=2**60) == 2
    assert queue.counts() == {"default": {State.READY: 1, State.SCHEDULED: 1}}
    (job,) = queue.take(5)
    assert job.tid == 2**60


def test_a_second_promotion_changes_nothing(queue, batch):
    """The resolver and the producer may both do it."""
    queue.promote(batch, tid=1)
    queue.take(5)
    assert queue.promote(batch, tid=1) == 0
    assert queue.counts() == {"default": {State.RUNNING: 1, State.SCHEDULED: 1}}


def test_a_staged_job_does_not_hold_its_unique_key(queue):
    """Its request may yet abort; another request's job must not be lost for it."""
    batch = new_id()
    queue.stage([NewJob(task="t", options=JobOptions(unique="k"))], batch=batch, evidence={})
    other = queue.put(unique="k")
    queue.promote(batch, tid=1)
    assert [job.id for job in queue.take(5)] == [other]
    (duplicate,) = queue.find(states=[State.CANCELLED])
    assert other in duplicate.error


def test_of_two_equal_keys_in_a_batch_the_first_wins(queue):
    """The other one ends as cancelled and names the first."""
    batch = new_id()
    first, second = (
        NewJob(task="t", options=JobOptions(unique="k")),
        NewJob(task="t", options=JobOptions(unique="k")),
    )
    queue.stage([first, second], batch=batch, evidence={})
    assert queue.promote(batch, tid=1) == 1
    assert [job.id for job in queue.take(5)] == [first.id]
    assert first.id in queue.get(second.id).error
