"""What a job is told of those that it came after, and that it is told so whatever ended them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.errors import NoResult
from coserver_consumer.model import workflow
from coserver_consumer.model.followed import FollowedJob, to_followed
from coserver_consumer.model.job import Job, State, new_id
from coserver_consumer.model.lifecycle import cancel, complete, fail
from coserver_consumer.model.outcome import Failed
from coserver_consumer.producer.result import find_result
from coserver_consumer.store.schema import tables
from support.new_jobs import make_new

FAILED = Failed(error="no wind")


@pytest.fixture
def follow(queue: Any) -> Callable[[str], list[FollowedJob]]:
    """Return what a job is told of those that it came after."""
    return lambda job_id: [
        to_followed(each, job, find_result) for each, job in queue.find_followed(job_id)
    ]


def test_a_job_is_told_of_all_that_it_came_after_in_the_order_that_was_said(queue, follow):
    """Though it waits for none of them any more; a live one has no result yet."""
    done, doomed, late = (queue.put(queue=name) for name in ("default", "default", "other"))
    child = queue.put(after=(late, doomed, done, doomed), accepts_failure=True)
    assert [each.state for each in follow(child)] == [State.READY] * 3
    first, second = queue.take(2)
    queue.end_attempts([complete(first, {"n": 1}), fail(second, FAILED)])
    told = follow(child)
    assert [(each.id, each.state, each.error) for each in told] == [
        (late, State.READY, None),
        (doomed, State.FAILED, "no wind"),
        (done, State.COMPLETED, None),
    ]
    assert [each.result for each in told] == [None, None, {"n": 1}]
    assert follow(queue.put()) == []


def test_a_result_that_is_not_there_is_no_result(queue, follow):
    """Since it was too large, or its job was pruned: both are said."""
    large, old = queue.put(), queue.put()
    child = queue.put(after=(large, old))
    results = {large: "x" * 100, old: 1}
    for job in queue.take(2):
        queue.end_attempts([complete(job, results[job.id])], max_result=50)
    with queue.engine.begin() as connection:
        connection.execute(sa.delete(tables.history).where(tables.history.c.id == old))
    kept, pruned = follow(child)
    assert (kept.state, pruned.state) == (State.COMPLETED, None)
    assert "pruned" in (pruned.error or "")
    for each, why in ((kept, "102 characters, 50 are kept"), (pruned, "pruned")):
        with pytest.raises(NoResult, match=why):
            each.result  # noqa: B018  it is read, and raises


def test_a_job_is_told_of_the_one_that_its_parent_was_merged_into(queue, follow):
    """When it was queued, or when its transaction committed."""
    holder = queue.put(unique="k")
    one, two, batch = make_new(unique="k"), make_new(unique="k"), new_id()
    [_, chained] = queue.add_many(workflow.chain([one, make_new()]))
    staged = workflow.chain([two, make_new()])
    queue.stage(staged, batch=batch, evidence={})
    queue.promote(batch, tid=1)
    queue.end_attempts([complete(job, "held") for job in queue.take(1)])
    for child in (chained, staged[1].id):
        assert [(each.id, each.result) for each in follow(child)] == [(holder, "held")]


def test_what_another_program_wrote_as_parents_is_nobody(queue, follow):
    """It is no error of the job's."""
    child = queue.put()
    with queue.engine.begin() as connection:
        odd = sa.update(tables.job).values(parents={"no": ["list"]})
        connection.execute(odd.where(tables.job.c.id == child))
    assert follow(child) == []


def _expire_lease(queue: Any, job: Job) -> None:
    """Have the consumer die so often that the job fails."""
    queue.rescue_from([job.consumer], max_rescues=1)


def _lose_effect(queue: Any, job: Job) -> None:
    """Cancel a job that dies in its commit, which never happened."""
    queue.cancel(job.id)
    queue.vote(job.key, evidence={})
    queue.requeue_finishing(job.key)


def _cancel_held(queue: Any, job: Job) -> None:
    """Cancel a job whose consumer goes."""
    queue.cancel(job.id)
    queue.unregister(job.consumer)


WAYS: dict[str, tuple[State, Callable[[Any, Job], Any]]] = {
    "fails": (State.FAILED, lambda queue, job: queue.end_attempts([fail(job, FAILED)])),
    "is stopped": (State.CANCELLED, lambda queue, job: queue.end_attempts([cancel(job, "x")])),
    "kills its consumers": (State.FAILED, _expire_lease),
    "loses its commit": (State.CANCELLED, _lose_effect),
    "loses its consumer": (State.CANCELLED, _cancel_held),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_follows_a_failure_is_ready_with_it_and_told_of_it(queue, follow, way):
    """Whoever ends the job: it does both in one transaction."""
    last = make_new()
    parent = queue.add_many(workflow.with_follow_ups([make_new(on_failure=last)]))[0]
    [job] = queue.take(1)
    state, end = WAYS[way]
    end(queue, job)
    assert queue.get(last.id).state is State.READY
    assert [(each.id, each.state) for each in follow(last.id)] == [(parent, state)]


def test_what_waits_is_cancelled_or_unroutable_as_well(queue, follow):
    """No consumer has a part in that."""
    for options in ({}, {"queue": "nobody's"}):
        last = make_new()
        parent, _ = queue.add_many(workflow.with_follow_ups([make_new(on_failure=last, **options)]))
        if options:
            store.write(queue.engine, _make_old)
            queue.fail_unroutable()
        else:
            queue.cancel(parent)
        assert queue.get(last.id).state is State.READY
        assert follow(last.id)[0].error


def _make_old(connection: sa.Connection) -> None:
    """Have all jobs be an hour old."""
    job, hour = tables.job.c, 3600 * store.SECOND
    connection.execute(
        sa.update(tables.job).values(run_at=job.run_at - hour, created_at=job.created_at - hour)
    )


def test_a_follow_up_that_is_not_needed_is_cancelled_or_waits(queue):
    """As those of a group with one member."""
    success, failure = make_new(), make_new()
    new = make_new(on_success=success, on_failure=failure)
    queue.add_many(workflow.with_follow_ups([new]))
    queue.end_attempts([complete(job) for job in queue.take(1)])
    assert queue.get(success.id).state is State.READY
    assert queue.get(failure.id).state is State.CANCELLED


def test_a_second_end_sets_off_no_follow_up_again(queue):
    """Of a job that was run again; one that waits for its success goes on waiting, or runs."""
    success, failure = make_new(), make_new()
    new = make_new(on_success=success, on_failure=failure, max_attempts=1)
    parent, *_ = queue.add_many(workflow.with_follow_ups([new]))

    def end(finish: Callable[[Job], Any]) -> tuple[State, State]:
        """End the parent, then run what follows; return the states of the follow-ups."""
        queue.end_attempts([finish(job) for job in queue.take(1)])
        queue.end_attempts([complete(job) for job in queue.take(2)])
        return queue.get(success.id).state, queue.get(failure.id).state

    assert end(lambda job: fail(job, FAILED)) == (State.BLOCKED, State.COMPLETED)
    before = queue.get(failure.id)
    queue.retry(parent)
    assert end(lambda job: fail(job, FAILED)) == (State.BLOCKED, State.COMPLETED)
    queue.retry(parent)
    assert end(complete) == (State.COMPLETED, State.COMPLETED)
    assert queue.get(failure.id) == before


def test_a_job_that_fails_after_a_success_calls_nobody_to_its_aid(queue):
    """What is for a failure was cancelled by the success, and stays so."""
    failure = make_new()
    parent, _ = queue.add_many(workflow.with_follow_ups([make_new(on_failure=failure)]))
    for ending in (complete, lambda job: fail(job, FAILED)):
        queue.end_attempts([ending(job) for job in queue.take(1)])
        assert queue.get(failure.id).state is State.CANCELLED
        queue.retry(parent)
