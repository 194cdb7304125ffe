"""What becomes of jobs when the queue or the ZODB was restored from an older backup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.model.job import Job, RunKey, State, new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.store import claim, enqueue, finish, maintain, manage
from coserver_consumer.store.finish import Origin, agreement
from support.new_jobs import make_new


def test_they_agree_up_to_what_was_told_last(engine):
    """Each Zope tells it after the others."""

    def agree(tid: int, since: int | None = None) -> bool:
        return store.write(engine, lambda c: finish.agree(c, "main", tid, since=since))

    assert agree(10)
    assert agree(10, since=10)
    assert agree(20, since=10)
    assert not agree(19, since=15), "the ZODB is older than it was"
    assert not agree(30, since=25), "the queue is older than it was"
    assert store.read(engine, lambda c: finish.find_agreed(c, "main")) == 20
    assert store.read(engine, lambda c: finish.find_agreed(c, "other")) is None
    assert agree(5)


def queue(engine, tid: int, *, database: str = "main", **options: Any) -> str:
    """Queue a job by a transaction; return its id."""
    job, batch = make_new(**options), new_id()
    evidence = {"database": database, "base_tid": tid - 1}

    def work(connection: sa.Connection) -> None:
        enqueue.stage(connection, [job], batch=batch, evidence=evidence)
        enqueue.promote(connection, batch, tid=tid)

    store.write(engine, work)
    return job.id


def restage_lost(engine, *, since: int, base: int = 0) -> list[str]:
    """Stage all jobs again that were queued behind a transaction."""

    def find_lost(origins: Sequence[Origin]) -> list[Origin]:
        return [origin for origin in origins if origin.tid > since]

    return store.write(engine, lambda c: finish.restage_lost(c, "main", find_lost, base=base))


def claim_jobs(engine, limit: int = 1) -> list[Job]:
    """Claim jobs."""
    return store.write(
        engine,
        lambda c: claim.claim(c, consumer=new_id(), queues=["default"], tasks=["t"], limit=limit),
    )


def get(engine, job_id: str) -> Job:
    """Return the job."""
    return store.read(engine, lambda connection: manage.get(connection, job_id))


def test_what_the_zodb_has_lost_is_asked_about_again(engine):
    """Whatever the job waits for; jobs of before, and of other databases, stay."""
    kept = [queue(engine, 10), queue(engine, 99, database="other")]
    lost = [queue(engine, 11), queue(engine, 12, delay=3600), queue(engine, 13, unique="k")]
    waiting = queue(engine, 14, after=[lost[0]])
    assert sorted(restage_lost(engine, since=10, base=10)) == sorted([*lost, waiting])
    assert {get(engine, job_id).state for job_id in [*lost, waiting]} == {State.STAGED}
    assert {get(engine, job_id).state for job_id in kept} == {State.READY}
    questions = store.read(engine, lambda c: finish.find_in_doubt(c, older_than=-1))
    assert {question.evidence["base_tid"] for question in questions} == {10}


def test_what_was_found_even_so_goes_on_as_before(engine):
    """With all that it waits for."""
    delayed = queue(engine, 12, delay=3600)
    plain = queue(engine, 13)
    restage_lost(engine, since=10)
    for job_id in (delayed, plain):
        batch = get(engine, job_id).batch
        store.write(engine, lambda c, batch=batch: enqueue.promote(c, batch, tid=12))
    assert [get(engine, each).state for each in (delayed, plain)] == [State.SCHEDULED, State.READY]


def test_what_was_dropped_says_why(engine):
    """Its request did commit, but in a ZODB that isn't this one any more."""
    lost = queue(engine, 11)
    restage_lost(engine, since=10)
    store.write(engine, lambda c: enqueue.drop_staged(c, get(engine, lost).batch))
    ended = get(engine, lost)
    assert ended.state is State.DROPPED
    assert "restored from a backup" in ended.error


def test_who_runs_a_job_of_a_lost_request_cannot_end_it(engine):
    """It runs against a ZODB that never had its request."""
    lost = queue(engine, 11)
    [job] = claim_jobs(engine)
    restage_lost(engine, since=10)
    staged = get(engine, lost)
    assert (staged.state, staged.run, staged.attempt) == (State.STAGED, job.run + 1, 0)
    assert not store.write(engine, lambda c: finish.vote(c, job.key, evidence={}))


def test_a_job_of_a_lost_request_that_was_to_stop_is_cancelled(engine):
    """If its request is found even so, it must not run."""
    lost = queue(engine, 11)
    claim_jobs(engine)
    store.write(engine, lambda c: manage.cancel(c, lost, by="jane"))
    restage_lost(engine, since=10)
    cancelled = get(engine, lost)
    assert cancelled.state is State.CANCELLED
    assert cancelled.error == "cancelled by jane; the ZODB was restored meanwhile"


def test_the_search_for_lost_requests_ends_where_nothing_is_missing(engine):
    """A backlog needn't be read as a whole."""
    seen: list[int] = []
    for tid in range(1, agreement.MAX_JOBS + 200):
        queue(engine, tid)

    def find_lost(origins: Sequence[Origin]) -> list[Origin]:
        seen.extend(origin.tid for origin in origins)
        return []

    store.write(engine, lambda c: finish.restage_lost(c, "main", find_lost, base=0))
    assert min(seen) == 200


def test_what_is_open_is_looked_for_in_what_the_zodb_still_has(engine):
    """Its evidence names a transaction that is lost; one that isn't lost stays."""
    job, batch = NewJob(task="t"), new_id()
    evidence = {"database": "main", "base_tid": 50}
    store.write(engine, lambda c: enqueue.stage(c, [job], batch=batch, evidence=evidence))
    assert store.write(engine, lambda c: finish.rebase(c, "main", lambda tid: True, base=40)) == 0
    assert store.write(engine, lambda c: finish.rebase(c, "main", lambda tid: False, base=40)) == 1
    (question,) = store.read(engine, lambda c: finish.find_in_doubt(c, older_than=-1))
    assert question.evidence == {"database": "main", "base_tid": 40}


def complete(engine, *keys: RunKey) -> list[str]:
    """Tell the queue that the ZODB has the effects of these runs."""
    return store.write(engine, lambda c: finish.complete_found(c, keys))


@pytest.fixture
def ready(engine) -> str:
    """A job that nobody has claimed, as far as the queue knows."""
    return queue(engine, 10)


def test_a_job_whose_effect_is_there_is_completed(engine, ready):
    """The queue is older than its run, and lets go what waits for it."""
    child = store.write(
        engine, lambda c: enqueue.add(c, NewJob(task="t", options=JobOptions(after=(ready,))))
    )
    assert complete(engine, RunKey(ready, 1)) == [ready]
    assert get(engine, ready).state is State.COMPLETED
    assert get(engine, child).state is State.READY
    assert complete(engine, RunKey(ready, 1), RunKey(new_id(), 1)) == []


def test_a_job_that_ran_when_the_backup_was_made_is_completed(engine, ready):
    """Before its consumer, who is long gone, was found to be dead, and after."""
    [job] = claim_jobs(engine)
    assert complete(engine, job.key) == [ready]
    other = queue(engine, 11)
    [job] = claim_jobs(engine)
    store.write(engine, maintain.rescue)
    assert get(engine, other).run == job.run + 1
    assert complete(engine, job.key) == [other]


def test_a_run_that_is_finishing_ends_by_itself(engine, ready):
    """Its result isn't known to anybody else."""
    [job] = claim_jobs(engine)
    store.write(engine, lambda c: finish.vote(c, job.key, evidence={"database": "main"}))
    assert complete(engine, job.key) == []


def test_a_job_that_was_retried_runs_again(engine, ready):
    """The marks of its first life say nothing of its second."""
    [job] = claim_jobs(engine)
    store.write(engine, lambda c: finish.complete_running(c, job.key))
    store.write(engine, lambda c: manage.retry(c, ready, by="somebody"))
    assert complete(engine, job.key) == []
    [again] = claim_jobs(engine)
    assert complete(engine, job.key) == []
    assert again.run == job.run + 1
