"""Jobs that come after one that another, with the same unique key, stands for."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import complete, fail
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store.schema import tables
from support.new_jobs import make_new

FAILED = Failed(error="no")


@pytest.fixture
def merge(queue):
    """Commit a job whose unique key another one holds; return the ids of both."""

    def merge(holder=None):
        batch, job = new_id(), make_new(unique="k")
        holder = holder or queue.put(unique="k")
        queue.stage([job], batch=batch, evidence={})
        queue.promote(batch, tid=1)
        assert queue.get(job.id).state is State.CANCELLED
        return job.id, holder

    return merge


@pytest.fixture
def put_after(queue):
    """Queue a job behind others, at once or by a promotion; return its id."""

    def put_after(way, *parents, **options):
        job = make_new(after=parents, **options)
        if way == "at once":
            return queue.add(job)
        batch = new_id()
        queue.stage([job], batch=batch, evidence={})
        queue.promote(batch, tid=1)
        return job.id

    return put_after


ways = pytest.mark.parametrize("way", ["at once", "by a promotion"])


@ways
@pytest.mark.parametrize("accepts_failure", [False, True])
def test_a_job_waits_for_the_one_that_its_parent_was_merged_into(
    queue, merge, put_after, way, accepts_failure
):
    """That one does the work that it needs, and may have just begun."""
    merged, holder = merge()
    child = put_after(way, merged, accepts_failure=accepts_failure)
    assert queue.get(child).state is State.BLOCKED
    assert [parent.id for parent in queue.parents(child)] == [holder]
    queue.end_attempts([complete(job) for job in queue.take(9)])
    found = queue.get(child)
    assert (found.state, found.failed_parents) == (State.READY, 0)


@ways
def test_a_job_goes_on_if_its_parent_was_merged_into_one_that_is_done(queue, merge, put_after, way):
    """Nothing is left to wait for."""
    merged, _ = merge()
    queue.end_attempts([complete(job) for job in queue.take()])
    assert queue.get(put_after(way, merged)).state is State.READY


@ways
def test_a_job_waits_for_a_failed_one_that_its_parent_was_merged_into(queue, merge, put_after, way):
    """Until it was run again, as with any parent."""
    merged, holder = merge()
    queue.end_attempts([fail(job, FAILED) for job in queue.take()])
    child = put_after(way, merged)
    assert queue.get(child).state is State.BLOCKED
    queue.retry(holder)
    queue.end_attempts([complete(job) for job in queue.take()])
    assert queue.get(child).state is State.READY


@ways
def test_parents_that_were_merged_into_one_are_waited_for_once(queue, merge, put_after, way):
    """The job itself may be among them."""
    one, holder = merge()
    other, _ = merge(holder)
    child = put_after(way, one, other, holder)
    queue.end_attempts([complete(job) for job in queue.take()])
    assert [job.id for job in queue.take()] == [child]


def test_a_merged_parent_that_was_run_again_is_waited_for(queue, merge, put_after):
    """It does its work itself then."""
    merged, _ = merge()
    queue.end_attempts([complete(job) for job in queue.take()])
    queue.retry(merged)
    child = put_after("at once", merged)
    assert queue.get(child).state is State.BLOCKED
    queue.end_attempts([complete(job) for job in queue.take()])
    assert queue.get(child).state is State.READY


def test_a_parent_that_was_merged_into_one_that_is_gone_is_refused(queue, merge, put_after):
    """Nobody knows any more what came of its work."""
    merged, holder = merge()
    queue.end_attempts([complete(job) for job in queue.take()])
    with queue.engine.begin() as connection:
        connection.execute(sa.delete(tables.history).where(tables.history.c.id == holder))
    with pytest.raises(InvalidJob, match=f"{merged}.*{holder}"):
        put_after("at once", merged)


def test_no_row_that_others_write_leads_around_in_circles(queue, merge, put_after):
    """Two jobs that stand for each other, as no version of ours would say."""
    merged, holder = merge()
    queue.cancel(holder)
    history = tables.history.c
    with queue.engine.begin() as connection:
        said = connection.scalar(sa.select(history.result).where(history.id == merged))
        back = {name: merged if value == holder else value for name, value in said.items()}
        row = sa.update(tables.history).where(history.id == holder)
        connection.execute(row.values(result=back))
    assert queue.get(put_after("at once", merged)).state is State.BLOCKED
