"""Jobs that nobody has begun by the moment when they expire, on each database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from coserver_consumer.errors import DidNotComplete
from coserver_consumer.model import workflow
from coserver_consumer.model.job import Job, State, new_id
from coserver_consumer.model.lifecycle import complete, postpone, release, retry, snooze
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.model.outcome import Failed, NotTried, Obstacle
from coserver_consumer.producer.result import find_result
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now
from support.new_jobs import make_new

HOUR = 3600
LOST = Obstacle.LOST


@pytest.fixture
def pass_time(queue) -> Callable[..., None]:
    """Let the moment of every job that expires pass."""

    def do() -> None:
        job = tables.job.c
        past = sa.update(tables.job).where(job.expires_at.is_not(None))
        with queue.engine.begin() as connection:
            connection.execute(past.values(expires_at=Now() - 1))

    return do


def test_a_job_that_is_begun_in_time_runs(queue):
    """As any other does; its row says until when that was possible."""
    job_id = queue.put(expires=HOUR)
    assert queue.expire_overdue() == []
    [job] = queue.take()
    queue.end_attempts([complete(job)])
    done = queue.get(job_id)
    assert done.state is State.COMPLETED
    assert abs(done.expires_at - done.created_at - HOUR * 1_000_000) < 600_000_000


def test_an_overdue_job_is_never_handed_out(queue, pass_time):
    """Whether somebody has ended it yet or not, and nobody is woken for it."""
    queue.put(expires=HOUR)
    queue.put(expires=HOUR, limit="k")
    pass_time()
    assert queue.take(9) == []
    assert not queue.read_snapshot(["default"]).has_work
    fine = queue.put(expires=HOUR)
    assert [job.id for job in queue.take(9)] == [fine]


def test_an_overdue_job_ends_as_expired(queue, pass_time):
    """Whatever it waits for, and the error says that; who asks for its result hears it."""
    queue.pause("default")
    ready, later = queue.put(expires=HOUR), queue.put(expires=HOUR, delay=60)
    blocked = queue.put(expires=HOUR, after=[queue.put()])
    pass_time()
    assert set(queue.expire_overdue()) == {ready, later, blocked}
    ended = {job_id: queue.get(job_id) for job_id in (ready, later, blocked)}
    assert {(job.state, job.attempt, job.started_at) for job in ended.values()} == {
        (State.EXPIRED, 0, None)
    }
    assert all(job.ended_at >= job.expires_at for job in ended.values())
    assert ended[ready].error == "No consumer began it in time."
    assert ended[later].error == "It wasn't due in time."
    assert ended[blocked].error == "What it waited for didn't end in time."
    with pytest.raises(
        DidNotComplete, match=f"Job {ready} is expired: No consumer began it in time"
    ):
        find_result(ended[ready])
    assert queue.expire_overdue() == []


def test_what_has_begun_does_not_expire(queue, pass_time):
    """Neither while it runs, nor while it waits for another attempt."""
    ids = [queue.put(expires=HOUR) for _ in range(4)]
    jobs = queue.take(4)
    pass_time()
    failed, snoozed, left, running = jobs
    queue.end_attempts([retry(failed, Failed(error="no"), 60), snooze(snoozed, 60)])
    assert queue.expire_overdue() == []
    queue.rescue_from([left.consumer])
    assert {queue.get(job_id).state.is_live for job_id in ids} == {True}
    assert {queue.get(job.id).expires_at for job in jobs} == {None}
    assert running.expires_at is not None


@pytest.mark.parametrize("way", ["released", "postponed", "rescued", "left"])
def test_what_was_handed_out_and_not_begun_expires(queue, pass_time, way):
    """It was prefetched, or Zope couldn't try it, and its consumer gave it back or died."""
    job_id = queue.put(expires=HOUR)
    [job] = queue.take()
    queue.note_prefetched([job_id])
    pass_time()
    assert queue.expire_overdue() == []
    match way:
        case "released":
            queue.end_attempts([release(job)])
        case "postponed":
            queue.end_attempts([postpone(job, NotTried(obstacle=LOST, reason="away"))])
        case "rescued":
            queue.rescue_from([job.consumer])
        case "left":
            queue.unregister(job.consumer)
    assert queue.take() == []
    assert queue.expire_overdue() == [job_id]
    assert (queue.get(job_id).state, queue.get(job_id).attempt) == (State.EXPIRED, 0)


def test_a_prefetched_job_that_is_overdue_may_not_begin(queue, pass_time):
    """By the database's clock, which only the database knows."""
    queue.put(expires=HOUR)
    [job] = queue.take()
    queue.note_prefetched([job.id])
    pass_time()
    assert not queue.begin_prefetched(job.key)
    assert queue.get(job.id).started_at is None


@pytest.mark.parametrize("commits", [True, False])
def test_a_staged_job_expires_once_its_request_is_known(queue, pass_time, commits):
    """Before that it may be one that never was to be."""
    job, batch = make_new(expires=HOUR), new_id()
    queue.stage([job], batch=batch, evidence={})
    pass_time()
    assert queue.expire_overdue() == []
    assert queue.promote(batch, tid=1) == 1 if commits else queue.drop_staged(batch) == 1
    assert queue.take() == []
    assert queue.expire_overdue() == ([job.id] if commits else [])
    assert queue.get(job.id).state is (State.EXPIRED if commits else State.DROPPED)


def test_a_dropped_job_that_comes_back_late_expires(queue, pass_time):
    """Its request had committed after all, and nobody could know in time."""
    job, batch = make_new(expires=HOUR), new_id()
    queue.stage([job], batch=batch, evidence={})
    pass_time()
    queue.drop_staged(batch)
    queue.promote(batch, tid=1)
    assert queue.take() == []
    assert queue.expire_overdue() == [job.id]


def test_who_comes_after_an_expired_job_is_told_as_of_a_cancelled_one(queue, pass_time):
    """The next one of a chain stays blocked; what was to follow a failure runs."""
    group = workflow.group([make_new(expires=HOUR)], on_success=make_new(), on_failure=make_new())
    queue.add_many(group.jobs)
    pass_time()
    assert queue.expire_overdue() == [group.members[0].id]
    assert queue.get(group.on_success.id).state is State.BLOCKED
    assert [job.id for job in queue.take(9)] == [group.on_failure.id]


def test_an_expired_job_may_be_run_again_and_expires_no_more(queue, pass_time):
    """Somebody wants it now."""
    job_id = queue.put(expires=HOUR)
    pass_time()
    queue.expire_overdue()
    queue.retry(job_id, by="ada")
    assert queue.get(job_id).expires_at is None
    assert queue.expire_overdue() == []
    assert [job.id for job in queue.take()] == [job_id]


@pytest.mark.parametrize("period", [None, 0, 600])
def test_an_overdue_job_does_not_hold_its_key(queue, pass_time, period):
    """Whoever queues the next one needn't wait until the overdue one has been ended."""
    first = queue.put(unique="k", unique_for=period, expires=HOUR)
    pass_time()
    second = queue.put(unique="k", unique_for=period, expires=HOUR)
    assert second != first
    assert queue.get(first).state is State.EXPIRED
    assert [job.id for job in queue.take(9)] == [second]


@pytest.mark.parametrize(("later", "expires"), [(None, None), (2 * HOUR, 2 * HOUR), (60, HOUR)])
@pytest.mark.parametrize("staged", [True, False])
def test_a_job_that_does_the_work_of_another_expires_no_sooner(queue, staged, later, expires):
    """What was merged into it would be lost else."""
    first = queue.put(unique="k", expires=HOUR)
    if staged:
        batch = new_id()
        queue.stage([make_new(unique="k", expires=later)], batch=batch, evidence={})
        queue.promote(batch, tid=1)
    else:
        assert queue.put(unique="k", expires=later) == first
    assert _find_hours(queue.get(first)) == (None if expires is None else expires / HOUR)


def test_a_staged_job_takes_the_key_of_an_overdue_one(queue, pass_time):
    """As one does that is ready at once."""
    first = queue.put(unique="k", expires=HOUR)
    pass_time()
    job, batch = make_new(unique="k"), new_id()
    queue.stage([job], batch=batch, evidence={})
    assert queue.promote(batch, tid=1) == 1
    assert queue.get(first).state is State.EXPIRED
    assert [job.id for job in queue.take(9)] == [job.id]


def test_the_earliest_are_ended_first_in_pages(queue, pass_time):
    """A transaction holds only so many."""
    queue.add_many(NewJob(task="t", options=JobOptions(expires=60)) for _ in range(5))
    pass_time()
    assert [len(queue.expire_overdue(limit=2)) for _ in range(4)] == [2, 2, 1, 0]


def test_several_consumers_end_each_job_once(queue, pass_time):
    """They do so at the same time."""
    ids = queue.add_many([make_new(expires=60) for _ in range(60)])
    pass_time()
    with ThreadPoolExecutor(3) as threads:
        ended = [threads.submit(queue.expire_overdue, limit=9) for _ in range(30)]
        told = [job_id for each in ended for job_id in each.result()]
    assert sorted(told) == sorted(ids)
    assert queue.counts() == {"default": {State.EXPIRED: 60}}


def _find_hours(job: Job) -> int | None:
    return None if job.expires_at is None else round((job.expires_at - job.created_at) / 3.6e9)
