"""Which ends of jobs Zope is told of: they are written in the transaction in which they happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from coserver_consumer.model import workflow
from coserver_consumer.model.job import Job, State, new_id
from coserver_consumer.model.lifecycle import cancel, complete, fail, retry
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store.schema import tables
from support.new_jobs import make_new

FAILED = Failed(error="no wind")
IN_ZOPE = {"task": "view", "site": "/Plone", "signature": "v2:1:5:abc"}


@pytest.fixture
def put(queue: Any) -> Callable[..., Job]:
    """Queue a signed job of a site; return it claimed."""

    def put(**options: Any) -> Job:
        queue.put(**IN_ZOPE, **options)
        [job] = queue.take(1, tasks=["view"])
        return job

    return put


@pytest.fixture
def events(queue: Any) -> Callable[[], list[tuple[str, str, str | None]]]:
    """Return job, state and error of what Zope is to be told."""
    event = tables.event.c
    query = sa.select(event.job_id, event.state, event.error).order_by(event.id)

    def read() -> list[tuple[str, str, str | None]]:
        with queue.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    return read


def _cancel_unknown(queue: Any, job: Job) -> None:
    """Have an operator decide that a job won't run."""
    queue.vote(job.key, evidence={})
    queue.abandon_finishing(job.key)
    queue.cancel(job.id)


def _lose_effect(queue: Any, job: Job) -> None:
    """Cancel a job that dies in its commit, which never happened."""
    queue.cancel(job.id)
    queue.vote(job.key, evidence={})
    queue.requeue_finishing(job.key)


def _expire(queue: Any, job: Job) -> None:
    """Let its moment pass before any attempt of it begins."""
    queue.unregister(job.consumer)
    with queue.engine.begin() as connection:
        overdue = sa.update(tables.job).values(expires_at=10**15)
        connection.execute(overdue.where(tables.job.c.id == job.id))
    queue.expire_overdue()


def _cancel_waiting(queue: Any, job: Job) -> None:
    """Cancel a job that waits for its next attempt."""
    queue.end_attempts([retry(job, FAILED, 600)])
    queue.cancel(job.id)


WAYS: dict[str, tuple[str, Callable[[Any, Job], Any]]] = {
    "fails": ("failed", lambda queue, job: queue.end_attempts([fail(job, FAILED)])),
    "is stopped": ("cancelled", lambda queue, job: queue.end_attempts([cancel(job, "x")])),
    "kills": ("failed", lambda queue, job: queue.rescue_from([job.consumer], max_rescues=1)),
    "is cancelled while it waits": ("cancelled", _cancel_waiting),
    "loses its commit": ("cancelled", _lose_effect),
    "expires": ("expired", _expire),
    "is unknown": ("cancelled", _cancel_unknown),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_parent", [False, True])
def test_whatever_ends_a_job_of_zope_has_that_told_once(queue, put, events, way, is_parent):
    """With the reason; whether or not others wait for it."""
    job = put()
    if is_parent:
        queue.put(after=(job.id,))
    state, end = WAYS[way]
    end(queue, job)
    [(job_id, told, error)] = events()
    assert (job_id, told, bool(error)) == (job.id, state, True)
    assert queue.get(job.id).state == state


def test_what_zope_knows_by_itself_or_nobody_asked_for_is_not_told(queue, put, events):
    """Nor anything of other tasks, and of rows that no holder of the secret has signed."""
    done, again, unknown = put(), put(), put()
    queue.end_attempts([complete(done), retry(again, FAILED, 9)])
    queue.vote(unknown.key, evidence={})
    queue.abandon_finishing(unknown.key)
    queue.cancel(queue.put(site="/Plone", signature="v2:1:5:abc"))
    queue.cancel(queue.put(task="view", site="/Plone"))
    unneeded = make_new(**IN_ZOPE)
    queue.add_many(workflow.with_follow_ups([make_new(on_failure=unneeded)]))
    queue.end_attempts([complete(job) for job in queue.take(9)])
    assert queue.get(unneeded.id).state is State.CANCELLED
    batch, merged = new_id(), make_new(**IN_ZOPE, unique="k")
    queue.put(unique="k")
    queue.stage([merged], batch=batch, evidence={})
    queue.promote(batch, tid=1)
    assert queue.get(merged.id).state is State.CANCELLED
    dropped = new_id()
    queue.stage([make_new(**IN_ZOPE)], batch=dropped, evidence={})
    queue.drop_staged(dropped)
    assert events() == []


def test_an_end_that_is_not_ours_is_not_told(queue, put, events):
    """A stale consumer's; and a row with the id of a job that has ended, by another program."""
    job = put()
    queue.rescue_from([job.consumer])
    queue.end_attempts([fail(job, FAILED)])
    [again] = queue.take(1, tasks=["view"])
    queue.end_attempts([complete(again)])
    with queue.engine.begin() as connection:
        connection.execute(sa.insert(tables.job).values(id=job.id, **IN_ZOPE))
    queue.cancel(job.id)
    assert events() == []


def test_events_are_one_consumer_s_for_a_while_and_a_bad_one_comes_alone(queue, put, events):
    """Then, if nothing was written of them, they are anybody's again."""
    jobs = [put(), put(), put(queue="default", title="bad")]
    queue.end_attempts([fail(job, FAILED) for job in jobs])
    taken = queue.take_events(["default"], lease=600, limit=9)
    assert {each.job_id for each in taken} == {job.id for job in jobs}
    assert queue.take_events(["default"], lease=600, limit=9) == []
    assert not queue.has_due_events(["default"])
    bad = taken[0]
    queue.put_off_events([each.id for each in taken], wait=0)
    queue.put_off_events([bad.id], wait=-1, has_failed=True)
    assert queue.take_events(["other"], lease=600, limit=9) == []
    assert [each.tries for each in queue.take_events(["default"], lease=9, limit=9)] == [1]
    others = queue.take_events(["default"], lease=9, limit=9)
    assert [each.id for each in others] == [each.id for each in taken[1:]]
    queue.remove_events([bad.id])
    assert len(events()) == 2


def test_an_event_has_its_job_as_it_was_then(queue, put):
    """Though somebody has had it run again; one whose job is gone is no event."""
    job, gone = put(), put()
    queue.end_attempts([fail(job, FAILED), fail(gone, FAILED)])
    ids = [each.id for each in queue.take_events(["default"], lease=9, limit=9)]
    queue.retry(job.id)
    with queue.engine.begin() as connection:
        connection.execute(sa.delete(tables.history).where(tables.history.c.id == gone.id))
    [end] = queue.find_job_ends(ids)
    assert (end.job.id, end.job.state, end.job.error) == (job.id, State.FAILED, "no wind")
    assert (end.job.args, end.job.site) == ({}, "/Plone")
