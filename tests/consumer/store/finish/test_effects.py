"""Jobs that end with the commit of their own transaction, and what a dead process leaves open."""

import pytest
import sqlalchemy as sa

from coserver_consumer.errors import WrongState
from coserver_consumer.model.indoubt import Mark, run_mark
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.store.schema import tables

EVIDENCE = {"database": "main", "base_tid": 7}


@pytest.fixture
def finishing(queue):
    """A job whose transaction has voted."""
    queue.put()
    (job,) = queue.take()
    assert queue.vote(job.key, evidence=EVIDENCE)
    return job


@pytest.fixture
def batch(queue):
    """The id of a staged batch of one job."""
    batch = new_id()
    queue.stage([NewJob(task="t")], batch=batch, evidence=EVIDENCE)
    return batch


def test_the_vote_fences_a_zombie(queue):
    """A run that was rescued can't vote, so its transaction aborts."""
    queue.put()
    (job,) = queue.take()
    queue.unregister(job.consumer)
    assert not queue.vote(job.key, evidence=EVIDENCE)
    (again,) = queue.take()
    assert queue.vote(again.key, evidence=EVIDENCE)
    assert not queue.vote(again.key, evidence=EVIDENCE)


def test_a_finishing_job_belongs_to_its_transaction(queue, finishing):
    """Neither its consumer nor a rescue nor a person can end it now."""
    assert not queue.end_attempts([Ending(key=finishing.key, state=State.FAILED, error="x")])
    with queue.engine.begin() as connection:
        connection.execute(sa.delete(tables.consumer))
    assert queue.rescue().returned == []
    with pytest.raises(WrongState, match="finishing"):
        queue.cancel(finishing.id)
    assert queue.get(finishing.id).state is State.FINISHING


def test_the_finish_completes_it_once(queue, finishing):
    """The consumer's own ending comes later and is known as told."""
    assert queue.complete_finishing(finishing.key, {"status": 200})
    assert not queue.complete_finishing(finishing.key)
    done = queue.get(finishing.id)
    assert (done.state, done.result) == (State.COMPLETED, {"status": 200})
    late = Ending(key=finishing.key, state=State.SCHEDULED, delay=5, error="timed out")
    assert set(queue.end_attempts([late])) == {finishing.key}
    assert queue.counts() == {"default": {State.COMPLETED: 1}}


def test_an_attempt_without_effect_is_completed_from_running(queue):
    """It changed no ZODB, so there is nothing to wait for."""
    queue.put()
    (job,) = queue.take()
    assert not queue.complete_finishing(job.key)
    assert queue.complete_running(job.key)


def test_a_requeued_job_runs_again_as_a_rescued_one(queue, finishing):
    """Its effect isn't there: a new run, and the attempt isn't counted."""
    assert queue.requeue_finishing(finishing.key)
    assert not queue.requeue_finishing(finishing.key)
    assert not queue.complete_finishing(finishing.key)
    (again,) = queue.take()
    assert (again.id, again.attempt, again.rescues) == (finishing.id, 1, 1)
    assert again.run > finishing.run


def test_a_requeued_job_that_was_to_stop_is_cancelled(queue):
    """It was cancelled before its vote, which came too fast to heed that."""
    job_id = queue.put()
    (job,) = queue.take()
    queue.cancel(job_id, by="jane")
    assert queue.vote(job.key, evidence=EVIDENCE)
    assert queue.requeue_finishing(job.key)
    assert not queue.requeue_finishing(job.key)
    cancelled = queue.get(job_id)
    assert (cancelled.state, cancelled.rescues) == (State.CANCELLED, 0)
    assert cancelled.error == "cancelled by jane; what it did was never committed"


def test_what_is_left_open_is_asked_for(queue, batch, finishing):
    """One question for each batch and each run, with its evidence, once it is old enough."""
    assert queue.find_in_doubt(older_than=60) == []
    questions = {q.mark: q for q in queue.find_in_doubt(older_than=-1)}
    assert questions[Mark.BATCH].value == batch
    assert questions[Mark.RUN].value == run_mark(finishing.id, finishing.run)
    assert [q.evidence for q in questions.values()] == [EVIDENCE, EVIDENCE]


def test_a_dropped_batch_comes_back_if_it_did_commit(queue, batch):
    """The producer was only slow: its promotion revives what the resolver dropped."""
    assert queue.drop_staged(batch) == 1
    assert queue.counts() == {"default": {State.DROPPED: 1}}
    assert [q.value for q in queue.find_dropped()] == [batch]
    assert queue.promote_staged(batch, tid=9) == 0
    assert queue.promote(batch, tid=9) == 1
    (job,) = queue.take()
    assert (job.tid, job.attempt) == (9, 1)
    assert queue.find_dropped() == []


@pytest.mark.parametrize("decision", ["retry", "cancel"])
def test_an_operator_decides_about_the_unknown(queue, batch, decision):
    """Run it, or drop it."""
    assert queue.abandon_staged(batch) == 1
    (unknown,) = queue.find(states=[State.UNKNOWN])
    assert "packed" in unknown.error
    getattr(queue, decision)(unknown.id, by="jane")
    expected = {"retry": State.READY, "cancel": State.CANCELLED}[decision]
    assert queue.get(unknown.id).state is expected


def test_a_run_whose_evidence_is_gone_is_unknown(queue, finishing):
    """Never a guess."""
    assert queue.abandon_finishing(finishing.key)
    assert queue.get(finishing.id).state is State.UNKNOWN
