"""Jobs that were claimed before a thread begins them."""

import pytest

from coserver_consumer.model.job import State


def test_a_deadline_counts_from_the_beginning(queue):
    """A job that waits has none."""
    queue.put(timeout=60)
    (job,) = queue.take()
    queue.note_prefetched([job.id])
    waiting = queue.get(job.id)
    assert (waiting.state, waiting.started_at, waiting.deadline_at) == (State.RUNNING, None, None)
    assert queue.begin_prefetched(job.key)
    begun = queue.get(job.id)
    assert begun.started_at >= job.started_at
    assert begun.deadline_at == begun.started_at + 60_000_000


def test_a_job_without_a_timeout_begins_without_a_deadline(queue):
    """There is nothing to count."""
    queue.put()
    (job,) = queue.take()
    queue.note_prefetched([job.id])
    assert queue.begin_prefetched(job.key)
    begun = queue.get(job.id)
    assert begun.started_at is not None
    assert begun.deadline_at is None


def test_a_run_that_is_not_current_does_not_begin(queue):
    """Its job has been given to somebody else."""
    queue.put(timeout=60)
    (job,) = queue.take()
    queue.note_prefetched([job.id])
    queue.unregister(job.consumer)
    (again,) = queue.take()
    assert not queue.begin_prefetched(job.key)
    assert queue.get(job.id).deadline_at == again.deadline_at


def test_a_job_that_is_to_be_killed_begins_as_such(queue):
    """The deadline says so."""
    queue.put(timeout=60)
    (job,) = queue.take()
    queue.note_prefetched([job.id])
    queue.cancel(job.id, kill=True)
    assert queue.begin_prefetched(job.key)
    assert queue.heartbeat(job.consumer).killed == {job.key}


@pytest.mark.parametrize("begins", [True, False])
def test_only_what_was_begun_can_have_killed_its_consumer(queue, begins):
    """Whatever waited is given back as often as it takes, and counts no rescue."""
    job_id = queue.put()
    for _ in range(5):
        (job,) = queue.take()
        queue.note_prefetched([job_id])
        if begins:
            assert queue.begin_prefetched(job.key)
        queue.rescue_from([job.consumer])
        if not queue.get(job_id).state.is_live:
            break
    job = queue.get(job_id)
    ended = (State.FAILED, 3) if begins else (State.READY, 0)
    assert (job.state, job.rescues) == ended
