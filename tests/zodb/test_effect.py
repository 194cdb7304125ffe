"""A job ends with the commit of the transaction that is its work, exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import transaction
from sqlalchemy import Engine
from ZODB import DB

from collective.coserver import queue
from collective.coserver.datamanager import join_effect
from collective.coserver.datamanager.effect import Effect, LostRun
from collective.coserver.evidence.comparison import compare
from collective.coserver.evidence.zodb import last_tid
from coserver_consumer import store
from coserver_consumer.model.indoubt import Fate, Mark
from coserver_consumer.model.job import Job, State, new_id
from coserver_consumer.model.lifecycle import Ending, complete
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.outcome import Completed, Failed
from coserver_consumer.store import claim, enqueue, finish, maintain
from support.addon import use_database
from support.commits import at_finish, drop_all, fail_after_everybody, recover_all
from support.databases import DATABASES, empty
from support.jobs import Jobs
from support.storages import KINDS, open_db

# Every queue beside ZEO, and every storage beside one queue.
PLACES = [(kind, "zeo") for kind in DATABASES] + [
    (DATABASES[-1], kind) for kind in KINDS if kind != "zeo"
]


@pytest.fixture(params=PLACES, ids="-".join)
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A kind of queue and a kind of storage."""
    return request.param


@pytest.fixture
def database_url(place: tuple[str, str], upgraded: Callable[[str], str]) -> str:
    """The URL of an empty queue."""
    url = upgraded(place[0])
    empty(url)
    return url


@pytest.fixture
def db(place: tuple[str, str], tmp_path: Path) -> Iterator[DB]:
    """An open database of the ZODB."""
    with open_db(place[1], tmp_path) as database:
        yield database


@pytest.fixture
def jobs(engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """The queue, known to the add-on."""
    with use_database(database_url, monkeypatch):
        yield Jobs(engine)


def claim_jobs(jobs: Jobs) -> Job:
    """Queue a job and claim it."""
    consumer = new_id()

    def work(connection: Any) -> list[Job]:
        enqueue.add(connection, NewJob(task="t"))
        return claim.claim(connection, consumer=consumer, queues=["default"], tasks=["t"], limit=1)

    (job,) = store.write(jobs.engine, work)
    return job


def rescue(jobs: Jobs) -> None:
    """Take all jobs from consumers that were never registered."""
    store.write(jobs.engine, maintain.rescue)


def count(db: Any) -> int:
    """Return how often the effect happened."""
    with db.transaction() as connection:
        return int(connection.root().get("effects", 0))


def have_effect(db: Any, job: Job, outcome: Any = None) -> None:
    """Do the job's work in the current transaction, without committing it."""
    root = db.open().root()
    root["effects"] = root.get("effects", 0) + 1
    join_effect(Effect(job.key, lambda: outcome or Completed(result={"status": 200})))


def test_a_commit_completes_its_job_with_its_result(jobs: Jobs, db: Any) -> None:
    """The consumer's own ending comes later and changes nothing."""
    job = claim_jobs(jobs)
    have_effect(db, job)
    transaction.commit()
    done = jobs.get(job.id)
    assert (done.state, done.result, count(db)) == (State.COMPLETED, {"status": 200}, 1)
    late = Ending(key=job.key, state=State.SCHEDULED, delay=1, error="no answer in time")
    assert set(store.write(jobs.engine, lambda c: finish.end_attempts(c, [late]))) == {job.key}
    assert jobs.get(job.id).state is State.COMPLETED


def test_an_attempt_without_a_change_is_completed_in_the_vote(jobs: Jobs) -> None:
    """There is no ZODB to wait for."""
    job = claim_jobs(jobs)
    join_effect(Effect(job.key, Completed))
    transaction.commit()
    assert jobs.get(job.id).state is State.COMPLETED


@pytest.mark.parametrize("writes", [True, False])
def test_it_is_said_that_the_job_has_ended_when_that_is_committed(
    jobs: Jobs,
    db: Any,
    writes: bool,  # noqa: FBT001
) -> None:
    """So that nobody has to tell the store again."""
    job, said = claim_jobs(jobs), []
    if writes:
        db.open().root()["effects"] = 1
    join_effect(Effect(job.key, Completed, lambda: said.append(jobs.get(job.id).state)))
    transaction.commit()
    assert said == [State.COMPLETED]


@pytest.mark.parametrize("trouble", ["failure", "zombie", "outage"])
def test_it_is_not_said_of_a_job_that_has_not_ended(jobs: Jobs, db: Any, trouble: str) -> None:
    """The consumer tells the store, or another one has the job."""
    job, said = claim_jobs(jobs), []
    outcome = Failed(error="no") if trouble == "failure" else Completed()
    db.open().root()["effects"] = 1
    join_effect(Effect(job.key, lambda: outcome, lambda: said.append(job)))
    if trouble == "zombie":
        rescue(jobs)
    if trouble == "outage":
        transaction.get().join(fail_after_everybody())
    with nullcontext() if trouble == "failure" else pytest.raises((LostRun, RuntimeError)):
        transaction.commit()
    transaction.abort()
    assert said == []


@pytest.mark.parametrize("writes", [True, False])
def test_a_zombie_cannot_commit(jobs: Jobs, db: Any, writes: bool) -> None:  # noqa: FBT001
    """Its job was given to another consumer: nothing of its transaction happens, no job either."""
    job = claim_jobs(jobs)
    rescue(jobs)
    have_effect(db, job) if writes else join_effect(Effect(job.key, Completed))
    child = queue.add("/Plone/@@child")
    with pytest.raises(LostRun, match="given to another consumer"):
        transaction.commit()
    transaction.abort()
    recover_all(jobs, db)
    assert count(db) == 0
    assert not jobs.exists(child) or jobs.get(child).state is State.DROPPED
    assert jobs.get(job.id).state is State.READY


def test_an_error_that_zope_commits_is_no_completed_job(jobs: Jobs, db: Any) -> None:
    """A view set an error status and returned: the consumer ends that attempt."""
    job = claim_jobs(jobs)
    have_effect(db, job, Failed(error="GET /x was answered 500"))
    transaction.commit()
    assert (jobs.get(job.id).state, count(db)) == (State.RUNNING, 1)


def test_an_attempt_that_completes_nothing_leaves_no_mark(jobs: Jobs, db: Any) -> None:
    """Its run isn't told apart later as one that was the end of the job."""
    job = claim_jobs(jobs)
    with db.transaction() as connection:
        base = last_tid(connection)
    have_effect(db, job, Failed(error="GET /x was answered 500"))
    transaction.commit()
    assert compare(db, base).runs == []
    have_effect(db, job)
    transaction.commit()
    assert compare(db, base).runs == [job.key]


def test_jobs_that_a_job_queues_come_with_its_end(jobs: Jobs, db: Any) -> None:
    """One transaction, one pair of data managers, both told."""
    job = claim_jobs(jobs)
    have_effect(db, job)
    child = queue.add("/Plone/@@child")
    transaction.commit()
    assert jobs.get(job.id).state is State.COMPLETED
    assert jobs.get(child).state is State.READY


@pytest.mark.parametrize("writes", [True, False])
def test_a_job_may_queue_what_comes_after_itself(jobs: Jobs, db: Any, writes: bool) -> None:  # noqa: FBT001
    """Its end lets that go, in the same commit."""
    job = claim_jobs(jobs)
    have_effect(db, job) if writes else join_effect(Effect(job.key, Completed))
    child = queue.add("/Plone/@@child", after=[job.id])
    transaction.commit()
    assert [jobs.get(job.id).state, jobs.get(child).state] == [State.COMPLETED, State.READY]


def test_an_attempt_that_failed_keeps_what_comes_after_it_waiting(jobs: Jobs, db: Any) -> None:
    """Zope has committed an error status; what it queued waits for a better attempt."""
    job = claim_jobs(jobs)
    have_effect(db, job, Failed(error="GET /x was answered 503"))
    child = queue.add("/Plone/@@child", after=[job.id])
    transaction.commit()
    assert jobs.get(child).state is State.BLOCKED
    store.write(jobs.engine, lambda connection: finish.end_attempts(connection, [complete(job)]))
    assert jobs.get(child).state is State.READY


def test_a_death_amid_the_end_of_a_parent_is_found_out(jobs: Jobs, db: Any) -> None:
    """The resolver ends the job and lets its child go, whichever it hears of first."""
    job = claim_jobs(jobs)
    have_effect(db, job)
    child = queue.add("/Plone/@@child", after=[job.id])
    transaction.get().join(fail_after_everybody())
    with pytest.raises(RuntimeError):
        transaction.commit()
    transaction.abort()
    assert recover_all(jobs, db) == [Fate.COMMITTED, Fate.COMMITTED]
    assert [jobs.get(job.id).state, jobs.get(child).state] == [State.COMPLETED, State.READY]


def test_a_death_after_the_zodb_has_committed_is_found_out(jobs: Jobs, db: Any) -> None:
    """The effect is there, so the job is completed and not run again."""
    job = claim_jobs(jobs)
    have_effect(db, job)
    child = queue.add("/Plone/@@child")
    transaction.get().join(fail_after_everybody())
    with pytest.raises(RuntimeError, match="between"):
        transaction.commit()
    transaction.abort()
    assert [jobs.get(job.id).state, jobs.get(child).state] == [State.FINISHING, State.STAGED]
    rescue(jobs)
    assert recover_all(jobs, db) == [Fate.COMMITTED, Fate.COMMITTED]
    assert [jobs.get(job.id).state, jobs.get(child).state] == [State.COMPLETED, State.READY]
    assert jobs.get(child).tid is not None
    assert count(db) == 1


def test_a_death_before_the_zodb_has_committed_is_found_out(jobs: Jobs, db: Any) -> None:
    """The effect isn't there, so the job runs again, under a new run."""
    job = claim_jobs(jobs)
    vote = {"database": "main", "base_tid": 0, "marker": 2**61, "witness": 0}
    from ZODB.utils import u64

    with db.transaction() as connection:
        connection.root()["before"] = 1
    with db.transaction() as connection:
        vote["base_tid"] = u64(connection._storage.lastTransaction())
    store.write(jobs.engine, lambda c: finish.vote(c, job.key, evidence=vote))
    assert recover_all(jobs, db) == [Fate.ABORTED]
    again = jobs.get(job.id)
    assert (again.state, again.run, again.rescues) == (State.READY, job.run + 1, 1)


def test_a_mark_is_that_of_one_run(jobs: Jobs, db: Any) -> None:
    """An earlier run's commit is no evidence for a later one."""
    job = claim_jobs(jobs)
    have_effect(db, job)
    transaction.get().join(fail_after_everybody())
    with pytest.raises(RuntimeError):
        transaction.commit()
    transaction.abort()
    (question,) = store.read(jobs.engine, lambda c: finish.find_in_doubt(c, older_than=-1))
    assert (question.mark, question.value) == (Mark.RUN, f"{job.id}:{job.run}")


def test_a_slow_producer_gets_its_jobs_back(jobs: Jobs, db: Any) -> None:
    """The resolver took its batch for dropped while it stood between vote and finish."""
    root = db.open().root()
    root["slow"] = 1
    job_id = queue.add("/Plone/@@view")
    transaction.get().join(at_finish(lambda: drop_all(jobs)))
    transaction.commit()
    assert jobs.get(job_id).state is State.READY
