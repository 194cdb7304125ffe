"""Heartbeats, and what becomes of the jobs of the dead."""

import pytest
import sqlalchemy as sa

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.store.schema import tables


def _silence(queue, consumer_id, seconds=60):
    """Put a consumer's last heartbeat into the past."""
    with queue.engine.begin() as connection:
        connection.execute(
            sa.update(tables.consumer)
            .where(tables.consumer.c.id == consumer_id)
            .values(heartbeat_at=tables.consumer.c.heartbeat_at - seconds * 1_000_000)
        )


def test_a_heartbeat_keeps_the_jobs(queue):
    """A living consumer is not robbed."""
    queue.put()
    (job,) = queue.take()
    _silence(queue, job.consumer)
    assert queue.heartbeat(job.consumer, running=1).alive
    assert queue.rescue().returned == []
    assert queue.get(job.id).state is State.RUNNING


def test_the_jobs_of_a_dead_consumer_are_given_back(queue):
    """A new run, one rescue more, the attempt not counted; the consumer's row goes."""
    queue.put()
    (job,) = queue.take()
    _silence(queue, job.consumer)
    rescue = queue.rescue()
    assert rescue.returned == [job.key]
    assert rescue.consumers == [job.consumer]
    (again,) = queue.take()
    assert (again.id, again.attempt, again.rescues, again.run) == (job.id, 1, 1, job.run + 2)
    assert not queue.heartbeat(job.consumer).alive


def test_the_jobs_of_a_vanished_consumer_are_given_back(queue):
    """No row says who held them any more."""
    queue.put()
    (job,) = queue.take()
    with queue.engine.begin() as connection:
        connection.execute(sa.delete(tables.consumer))
    assert queue.rescue().returned == [job.key]


@pytest.mark.parametrize("end", ["rescue_from", "unregister"])
def test_a_job_that_was_to_stop_does_not_come_back(queue, end):
    """Its consumer ended before it could heed the cancel, and with it what was to be stopped."""
    queue.put()
    (job,) = queue.take()
    queue.cancel(job.id, by="jane")
    getattr(queue, end)([job.consumer] if end == "rescue_from" else job.consumer)
    cancelled = queue.get(job.id)
    assert (cancelled.state, cancelled.attempt) == (State.CANCELLED, 1)
    assert cancelled.error == "cancelled by jane; its consumer ended meanwhile"


def test_the_third_rescue_fails_the_job(queue):
    """A poison pill must not go round for ever."""
    job_id = queue.put()
    for _ in range(2):
        (job,) = queue.take()
        _silence(queue, job.consumer)
        assert queue.rescue().returned == [job.key]
    (job,) = queue.take()
    _silence(queue, job.consumer)
    assert queue.rescue().poisoned == [RunKey(job_id, job.run)]
    failed = queue.get(job_id)
    assert failed.state is State.FAILED
    assert "died 3 times" in failed.error


def test_a_rescue_takes_pages_until_all_is_done(queue):
    """A dead consumer's row stays until its last job is rescued."""
    for _ in range(5):
        queue.put()
    (first, *_) = queue.take(5)
    _silence(queue, first.consumer)
    rescues = [queue.rescue(limit=2) for _ in range(3)]
    assert [len(one.returned) for one in rescues] == [2, 2, 1]
    assert [one.consumers for one in rescues] == [[], [], [first.consumer]]


def test_a_consumer_that_goes_gives_its_jobs_back(queue):
    """That is no rescue, and no attempt."""
    job_id = queue.put()
    (job,) = queue.take()
    queue.unregister(job.consumer)
    assert queue.consumers() == []
    waiting = queue.get(job_id)
    assert (waiting.state, waiting.attempt, waiting.rescues) == (State.READY, 0, 0)


def test_a_heartbeat_brings_the_wish_to_cancel(queue):
    """The consumer hears which of its runs are to stop."""
    queue.put()
    queue.put()
    stop, keep = queue.take(2, consumer=queue.start())
    queue.cancel(stop.id)
    assert queue.heartbeat(keep.consumer).cancelled == {stop.key}


def test_consumers_tell_who_they_are(queue):
    """The age of the last heartbeat is by the database's clock."""
    consumer_id = queue.start()
    _silence(queue, consumer_id, seconds=50)
    (found,) = queue.consumers()
    assert (found.id, found.queues, found.tasks) == (consumer_id, ("default",), ("t",))
    assert found.is_dead(45)
    assert not found.is_dead(100)


def test_a_look_tells_whether_there_is_anybody_to_rescue(queue):
    """Before anything is locked: a dead consumer, or a job whose consumer nobody knows any more."""
    consumer = queue.start()
    queue.put()
    queue.take(consumer=consumer)
    assert not queue.has_dead(dead_after=45)
    assert queue.has_dead(dead_after=-1)
    with queue.engine.begin() as connection:
        connection.execute(sa.delete(tables.consumer))
    assert queue.has_dead(dead_after=45)
    queue.rescue(dead_after=45)
    assert not queue.has_dead(dead_after=45)
