"""What people change: cancel, retry, progress."""

import pytest
import sqlalchemy as sa

from coserver_consumer.errors import JobNotFound, WrongState
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.store.schema import tables


def test_a_waiting_job_is_cancelled_at_once(queue):
    """It says by whom, and the audit knows."""
    job_id = queue.put()
    assert queue.cancel(job_id, by="jane") is State.CANCELLED
    assert queue.get(job_id).error == "cancelled by jane"
    with queue.engine.connect() as connection:
        (row,) = connection.execute(sa.select(tables.audit)).mappings()
    assert (row["who"], row["action"], row["job_id"]) == ("jane", "cancel", job_id)


def test_an_ended_job_cannot_be_cancelled(queue):
    """The error says what it is."""
    job_id = queue.put()
    queue.cancel(job_id)
    with pytest.raises(WrongState, match="is cancelled"):
        queue.cancel(job_id)


def test_a_staged_job_can_be_neither_cancelled_nor_retried(queue):
    """Its request decides."""
    job = NewJob(task="t")
    queue.stage([job], batch=new_id(), evidence={})
    with pytest.raises(WrongState, match="staged"):
        queue.cancel(job.id)
    with pytest.raises(WrongState, match="staged"):
        queue.retry(job.id)


def test_an_unknown_id_is_an_error_that_names_it(queue):
    """Also for ids that are no UUIDs."""
    unknown = new_id()
    for change in (queue.cancel, queue.retry, queue.get):
        with pytest.raises(JobNotFound, match=unknown):
            change(unknown)
        with pytest.raises(JobNotFound, match="nonsense"):
            change("nonsense")


def test_a_failed_job_is_retried_with_all_attempts_before_it(queue):
    """The errors of before stay; the run goes on, so that old attempts stay fenced."""
    queue.put(max_attempts=1, args={"n": 1})
    (job,) = queue.take()
    queue.end_attempts([Ending(key=job.key, state=State.FAILED, error="boom")])
    queue.retry(job.id, by="jane")
    (again,) = queue.take()
    assert (again.id, again.attempt, again.args) == (job.id, 1, {"n": 1})
    assert again.run > job.run
    assert len(queue.attempts(job.id)) == 1


def test_a_scheduled_job_can_be_run_now(queue):
    """Retry means: don't wait."""
    job_id = queue.put(delay=3600)
    queue.retry(job_id)
    assert [job.id for job in queue.take()] == [job_id]


def test_a_retry_respects_a_unique_key(queue):
    """Two live jobs never have one key."""
    first = queue.put(unique="k")
    queue.cancel(first)
    second = queue.put(unique="k")
    with pytest.raises(WrongState, match=second):
        queue.retry(first)


def test_progress_belongs_to_the_current_run(queue):
    """A stale attempt can't report."""
    queue.put()
    (job,) = queue.take()
    assert queue.report(job.key, 0.4, "page 4 of 10")
    assert (queue.get(job.id).progress, queue.get(job.id).progress_text) == (0.4, "page 4 of 10")
    assert queue.find_running(job.key).job.id == job.id
    queue.unregister(job.consumer)
    assert not queue.report(job.key, 0.5, None)
    assert queue.find_running(job.key) is None


def test_a_job_that_is_run_again_is_signed_anew(queue):
    """Its signature may be too old by now; what is waiting and is to run now is signed as well."""
    queue.put(signature="old")
    (job,) = queue.take()
    queue.end_attempts([Ending(key=job.key, state=State.FAILED, error="boom")])
    queue.retry(job.id, renew=lambda job: f"{job.signature} and new")
    assert queue.get(job.id).signature == "old and new"
    later = queue.put(signature="old", delay=3600)
    queue.retry(later, renew=lambda _: "new")
    assert queue.get(later).signature == "new"
