"""A ZODB or a queue that was restored from an older backup than the other's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import transaction
from sqlalchemy import Engine
from ZODB import DB

from collective.coserver import queue
from collective.coserver.datamanager import join_effect
from collective.coserver.datamanager.effect import Effect
from collective.coserver.publication.agreement import Agreement, Disagreement
from coserver_consumer import store
from coserver_consumer.model.job import Job, State, new_id
from coserver_consumer.model.outcome import Completed
from coserver_consumer.store import claim, manage
from support.addon import use_database
from support.backups import Backup, ZodbHome, back_up_queue
from support.commits import fail_after_everybody, recover_all
from support.databases import DATABASES, empty
from support.jobs import Jobs
from support.storages import KINDS

# Every queue beside ZEO, and every storage that lasts beside one queue.
PLACES = [(kind, "zeo") for kind in DATABASES] + [
    (DATABASES[-1], kind) for kind in KINDS if kind not in ("zeo", "demo")
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
def home(place: tuple[str, str], tmp_path: Path) -> Iterator[ZodbHome]:
    """The place of a ZODB."""
    with ExitStack() as stack:
        yield ZodbHome(place[1], tmp_path, stack)


@pytest.fixture
def jobs(engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """The queue, known to the add-on."""
    with use_database(database_url, monkeypatch):
        yield Jobs(engine)


@pytest.fixture
def backup(home: ZodbHome, jobs: Jobs) -> Backup:
    """A backup of a ZODB in which jobs were queued, when queue and ZODB agreed."""
    with home.opened() as db:
        request(db)
        check(db)
    return home.back_up()


def check(db: DB) -> bool:
    """Do as a Zope that begins to run jobs; return False if it has found a restore."""
    try:
        Agreement().check({"main": db})
    except Disagreement:
        return False
    return True


def request(db: DB) -> str:
    """Queue a job in a transaction that changes the ZODB; return its id."""
    db.open().root()[new_id()] = 1
    job_id = queue.add("/Plone/@@view")
    transaction.commit()
    return job_id


def write(db: DB) -> None:
    """Change the ZODB without a job."""
    with db.transaction() as connection:
        connection.root()[new_id()] = 1


def run(jobs: Jobs, db: DB) -> Job:
    """Claim a job and have its effect."""
    consumer = new_id()
    [job] = store.write(
        jobs.engine,
        lambda c: claim.claim(c, consumer=consumer, queues=["default"], tasks=["view"], limit=1),
    )
    db.open().root()[new_id()] = 1
    join_effect(Effect(job.key, Completed))
    transaction.commit()
    assert jobs.get(job.id).state is State.COMPLETED
    return job


@pytest.mark.parametrize("writes", [0, 3])
def test_an_older_zodb_runs_no_job_that_it_never_had(
    home: ZodbHome, backup: Backup, jobs: Jobs, writes: int
) -> None:
    """Also when others have written meanwhile, so that its transactions are newer again."""
    with home.opened() as db:
        kept = [jobs.get(job.id).id for job in jobs.titled("")]
        lost = [request(db), request(db)]
    home.restore(backup)
    with home.opened() as db:
        for _ in range(writes):
            write(db)
        assert not check(db)
        assert {jobs.get(job_id).state for job_id in lost} == {State.STAGED}
        recover_all(jobs, db)
        assert {jobs.get(job_id).state for job_id in lost} == {State.DROPPED}
        assert {jobs.get(job_id).state for job_id in kept} == {State.READY}
        later = request(db)
        assert check(db)
        assert jobs.get(later).state is State.READY


def test_an_older_zodb_loses_what_both_knew(home: ZodbHome, backup: Backup, jobs: Jobs) -> None:
    """They agreed later than the backup: the job is as old as that."""
    with home.opened() as db:
        lost = request(db)
        check(db)
    home.restore(backup)
    with home.opened() as db:
        write(db)
        assert not check(db)
        recover_all(jobs, db)
        assert jobs.get(lost).state is State.DROPPED


def test_a_run_that_was_finishing_is_decided_in_an_older_zodb(
    home: ZodbHome, backup: Backup, jobs: Jobs
) -> None:
    """Its process died, and then the end of the ZODB was lost: so is its effect."""
    with home.opened() as db:
        write(db)
        transaction.get().join(fail_after_everybody())
        with pytest.raises(RuntimeError):
            run(jobs, db)
        transaction.abort()
        [finishing] = [job for job in jobs.titled("") if job.state is State.FINISHING]
    home.restore(backup)
    with home.opened() as db:
        write(db)
        check(db)
        recover_all(jobs, db)
        assert jobs.get(finishing.id).state in (State.READY, State.DROPPED)


def test_an_older_queue_runs_no_job_a_second_time(home: ZodbHome, jobs: Jobs) -> None:
    """The ZODB has the mark of the run that the queue has forgotten."""
    with home.opened() as db:
        check(db)
        waiting = request(db)
        request(db)
        restore = back_up_queue(jobs.engine)
        done = [run(jobs, db), run(jobs, db)]
        restore()
        assert jobs.get(waiting).state is State.READY
        assert not check(db)
        assert {jobs.get(job.id).state for job in done} == {State.COMPLETED}
        assert check(db)


def test_a_job_that_somebody_retries_runs_again(home: ZodbHome, jobs: Jobs) -> None:
    """The ZODB has the mark of its first life."""
    with home.opened() as db:
        write(db)
        check(db)
        job_id = request(db)
        run(jobs, db)
        store.write(jobs.engine, lambda c: manage.retry(c, job_id, by="somebody"))
        assert check(db)
        assert jobs.get(job_id).state is State.READY


def test_a_zope_that_goes_on_sees_the_restore(
    home: ZodbHome, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has started it anew: it notices when it next tells the queue how far they agree."""
    monkeypatch.setattr("collective.coserver.publication.agreement.CHECK_EVERY_S", -1)
    with home.opened() as db:
        zope = Agreement()
        request(db)
        zope.check({"main": db})
        restore = back_up_queue(jobs.engine)
        write(db)
        done = run(jobs, db)
        zope.check({"main": db})
        restore()
        with pytest.raises(Disagreement, match="restored"):
            zope.check({"main": db})
        assert jobs.get(done.id).state is State.COMPLETED


def test_a_pack_is_no_restore(home: ZodbHome, jobs: Jobs) -> None:
    """What it has taken isn't missed."""
    with home.opened() as db:
        request(db)
        check(db)
        waiting = request(db)
        write(db)
        db.pack()
        assert check(db)
        assert jobs.get(waiting).state is State.READY
