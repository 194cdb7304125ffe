"""Keys that only one job may hold, on each database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import complete, fail, release
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import claim, enqueue, manage
from support.databases import only_on
from support.locks import is_anybody_waiting
from support.waiting import wait_for


def test_a_key_is_held_while_its_job_is_live(queue):
    """Unless somebody says otherwise."""
    first = queue.put(unique="k")
    [job] = queue.take()
    assert queue.put(unique="k") == first
    queue.end_attempts([complete(job)])
    assert queue.put(unique="k") != first


def test_a_key_may_be_held_while_its_job_waits(queue):
    """Once it runs, what changes meanwhile needs another job."""
    first = queue.put(unique="k", unique_for=0)
    assert queue.put(unique="k", unique_for=0) == first
    [job] = queue.take()
    second = queue.put(unique="k", unique_for=0)
    assert second != first
    queue.end_attempts([release(job)])
    assert {job.id for job in queue.take(9)} == {first, second}


def test_a_job_that_was_added_before_is_refused(queue):
    """It holds its key no more, so nobody stands in its way but itself."""
    job = NewJob(task="t", options=JobOptions(unique="k", unique_for=0))
    queue.add(job)
    queue.take()
    with pytest.raises(InvalidJob, match=job.id):
        queue.add(job)


def test_a_key_may_be_held_for_a_time(queue):
    """Whether its job has ended or not."""
    first = queue.put(unique="k", unique_for=1)
    queue.end_attempts([complete(job) for job in queue.take()])
    assert queue.put(unique="k", unique_for=600) == first
    assert queue.get(first).state is State.COMPLETED
    assert queue.counts()["default"] == {State.COMPLETED: 1}
    later = wait_for(
        lambda: (added := queue.put(unique="k", unique_for=1)) != first and added,
        what="the time to pass",
    )
    assert queue.get(later).state is State.READY


def test_a_failed_job_holds_its_key_for_the_time_and_a_cancelled_one_does_not(queue):
    """A cancelled job has done nothing that another would do twice."""
    failed = queue.put(unique="k", unique_for=600)
    queue.end_attempts([fail(job, Failed(error="no")) for job in queue.take()])
    assert queue.put(unique="k", unique_for=600) == failed
    cancelled = queue.put(unique="other", unique_for=600)
    queue.cancel(cancelled)
    assert queue.put(unique="other", unique_for=600) != cancelled


def test_keys_and_names_that_differ_in_case_are_different(queue):
    """On every database: MariaDB's usual collation would take them for the same."""
    assert queue.put(unique="k") != queue.put(unique="K")
    queue.add_queue("mail")
    queue.add_queue("Mail")
    assert {"mail", "Mail"} <= set(queue.queues())
    queue.put(limit="feeds", queue="mail")
    queue.put(limit="Feeds", queue="mail")
    taken = queue.take(9, queues=["mail"])
    assert {job.concurrency_key for job in taken} == {"feeds", "Feeds"}
    assert queue.take(9, queues=["Mail"]) == []


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("same", [True, False], ids=["the same job", "another job"])
@only_on("mysql")
def test_a_key_is_found_that_an_older_transaction_does_not_see(queue, isolation, same):
    """The row is there, in the way of an INSERT, and not in the snapshot of a caller."""
    job = NewJob(
        task="t", id=new_id(), options=JobOptions(unique="k", unique_for=0 if same else None)
    )
    again = job if same else NewJob(task="t", options=JobOptions(unique="k"))
    with queue.engine.connect().execution_options(isolation_level=isolation) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM coserver_consumer").scalar()  # a snapshot
        if isolation == "SERIALIZABLE":
            connection.rollback()
        queue.add(job)
        if same:
            queue.take()  # it holds its key no more
            with pytest.raises(InvalidJob, match=job.id):
                enqueue.add(connection, again)
        else:
            assert enqueue.add(connection, again) == job.id


@pytest.mark.parametrize("how", ["cancelled", "claimed"])
@only_on("postgresql", "mysql")
def test_a_staged_job_is_not_merged_into_one_that_lets_its_key_go_meanwhile(queue, how):
    """That one has been cancelled, or began before what the staged one is about."""
    period = {"cancelled": None, "claimed": 0}[how]
    holder, batch = queue.put(unique="k", unique_for=period), new_id()
    job = NewJob(task="t", options=JobOptions(unique="k", unique_for=period))
    queue.stage([job], batch=batch, evidence={})
    consumer = queue.start()
    with ThreadPoolExecutor() as threads:
        with queue.engine.begin() as connection:
            if how == "cancelled":
                manage.cancel(connection, holder)
            else:
                claim.claim(connection, consumer=consumer, queues=["default"], tasks=["t"], limit=1)
            promoted = threads.submit(queue.promote, batch, tid=1)
            wait_for(
                lambda: promoted.done() or is_anybody_waiting(queue.engine), what="the promotion"
            )
        assert promoted.result() == 1
    assert queue.get(job.id).state is State.READY
