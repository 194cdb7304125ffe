"""A job exists if and only if the transaction that queued it has committed."""

from __future__ import annotations

import logging
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
import sqlalchemy as sa
import transaction
import ZODB
from transaction.interfaces import TransientError
from ZODB.utils import u64

from collective.coserver import queue
from collective.coserver.database import engine as addon_engine
from collective.coserver.datamanager.batch import Batch
from coserver_consumer import store
from coserver_consumer.errors import AddError, JobNotFound, StoreUnavailable
from coserver_consumer.model.job import State
from support.jobs import Jobs
from support.waiting import wait_for

PATH = "/Plone/@@view"


class Manager:
    """A data manager of somebody else; tests let it act at one step of the commit."""

    transaction_manager = None

    def __init__(self, sort_key: str, **steps: Any) -> None:
        self.sort_key = sort_key
        self.steps = steps

    def sortKey(self) -> str:  # noqa: N802
        return self.sort_key

    def __getattr__(self, name: str) -> Any:
        if name in ("abort", "tpc_begin", "commit", "tpc_vote", "tpc_finish", "tpc_abort"):
            return lambda current: self.steps.get(name, lambda: None)()
        raise AttributeError(name)


def fail() -> None:
    """Raise what no code expects."""
    raise ZeroDivisionError


def change(zodb: ZODB.DB, value: Any = "changed") -> Any:
    """Change the ZODB in the current transaction and return its root; once a transaction."""
    root = zodb.open().root()
    root["value"] = value
    return root


def read_back(zodb: ZODB.DB) -> Any:
    """Return what is committed in the ZODB."""
    with zodb.transaction() as connection:
        return connection.root().get("value")


def test_a_job_is_there_after_the_commit_not_before(jobs: Jobs) -> None:
    """Its id is known at once, its row is written by the commit."""
    job_id = queue.add(PATH)
    assert not jobs.exists(job_id)
    transaction.commit()
    assert jobs.get(job_id).state is State.READY


def test_an_aborted_transaction_leaves_no_job(jobs: Jobs) -> None:
    """Neither does a later commit bring it back."""
    job_id = queue.add(PATH)
    transaction.abort()
    transaction.commit()
    assert not jobs.exists(job_id)


def test_no_sql_is_sent_before_the_vote(jobs: Jobs, statements: list[str]) -> None:
    """Once the queue's name is known, adding costs no round trip."""
    queue.add(PATH)
    transaction.abort()
    statements.clear()
    queue.add(PATH)
    queue.add(PATH)
    assert statements == []


def test_without_the_zodb_a_job_costs_one_statement(jobs: Jobs, statements: list[str]) -> None:
    """The row is written as ready at once: alone it is atomic."""
    queue.add(PATH)
    statements.clear()
    transaction.commit()
    assert len(statements) == 1
    assert statements[0].startswith("INSERT")


def test_with_the_zodb_a_job_costs_two_statements(
    jobs: Jobs, statements: list[str], zodb: ZODB.DB
) -> None:
    """It is staged in the vote and made ready when the ZODB has finished."""
    change(zodb)
    queue.add(PATH)
    statements.clear()
    transaction.commit()
    assert [statement.split()[0] for statement in statements] == ["INSERT", "UPDATE"]


def test_several_jobs_of_one_transaction_cost_two_statements(
    jobs: Jobs, statements: list[str], zodb: ZODB.DB
) -> None:
    """All of them are staged together and promoted together."""
    change(zodb)
    ids = [queue.add(PATH) for _ in range(20)]
    statements.clear()
    transaction.commit()
    assert len(statements) == 2
    assert {jobs.get(job_id).state for job_id in ids} == {State.READY}


def test_a_job_is_staged_while_the_zodb_finishes(jobs: Jobs, zodb: ZODB.DB) -> None:
    """Nobody can claim it before the objects that it works on are there."""
    seen = []
    change(zodb)
    job_id = queue.add(PATH)
    look = Manager("~~b", tpc_finish=lambda: seen.append(jobs.get(job_id).state))
    transaction.get().join(look)
    transaction.commit()
    assert seen == [State.STAGED]
    assert jobs.get(job_id).state is State.READY


def test_a_job_knows_the_transaction_that_it_waits_for(jobs: Jobs, zodb: ZODB.DB) -> None:
    """Its tid is that of the ZODB transaction which bears the mark of its batch."""
    change(zodb, "before")
    transaction.commit()
    base = u64(zodb.lastTransaction())
    change(zodb, "with a job")
    job_id = queue.add(PATH)
    transaction.commit()
    job = jobs.get(job_id)
    *_, record = zodb.storage.iterator()
    assert record.extension == {"coserver": job.batch}
    assert job.tid == u64(record.tid) > base


def test_a_staged_row_says_where_its_evidence_is(jobs: Jobs, zodb: ZODB.DB) -> None:
    """Mark, database and last transaction before this one: there the resolver begins to look."""
    change(zodb)
    transaction.commit()
    base = u64(zodb.lastTransaction())
    change(zodb, "again")
    job_id = queue.add(PATH)
    transaction.commit()
    with jobs.engine.connect() as connection:
        query = sa.text("SELECT evidence FROM coserver_job WHERE id = :id").columns(
            evidence=sa.JSON
        )
        evidence = connection.execute(query, {"id": job_id}).scalar()
    assert evidence == {"mark": "coserver", "database": "main", "base_tid": base}


def test_a_transaction_without_jobs_bears_no_mark(jobs: Jobs, zodb: ZODB.DB) -> None:
    """A rollback to before the only job leaves nothing to look for."""
    root = change(zodb)
    start = transaction.savepoint()
    queue.add(PATH)
    start.rollback()
    root["value"] = "after the rollback"
    transaction.commit()
    *_, record = zodb.storage.iterator()
    assert record.extension == {}


def test_a_conflict_retry_leaves_one_job(jobs: Jobs, zodb: ZODB.DB) -> None:
    """Two connections change one object; the attempt that fails queues nothing."""
    change(zodb, 0)
    transaction.commit()
    ids = []
    for attempt in transaction.attempts(3):
        with attempt:
            root = zodb.open().root()
            root["value"] += 1
            ids.append(queue.add(PATH))
            if len(ids) == 1:
                with zodb.transaction() as other:
                    other.root()["value"] = 10
    assert read_back(zodb) == 11
    assert [jobs.exists(job_id) for job_id in ids] == [False, True]


def test_a_conflict_is_found_before_any_row_is_written(
    jobs: Jobs, statements: list[str], zodb: ZODB.DB
) -> None:
    """The ZODB votes first, so a conflict costs no row."""
    change(zodb)
    transaction.commit()
    change(zodb, "mine")
    queue.add(PATH)
    with zodb.transaction() as other:
        other.root()["value"] = "theirs"
    statements.clear()
    with pytest.raises(TransientError):
        transaction.commit()
    assert statements == []


def test_a_savepoint_rollback_drops_only_later_jobs(jobs: Jobs) -> None:
    """Jobs before the savepoint and after the rollback stay."""
    before = queue.add(PATH)
    savepoint = transaction.savepoint()
    between = queue.add(PATH)
    savepoint.rollback()
    after = queue.add(PATH)
    transaction.commit()
    assert [jobs.exists(job_id) for job_id in (before, between, after)] == [True, False, True]


def test_a_rollback_to_before_the_first_job_can_be_repeated(jobs: Jobs) -> None:
    """The data managers leave with the rollback and join anew with the next job."""
    start = transaction.savepoint()
    dropped = []
    for _ in range(2):
        dropped.append(queue.add(PATH))
        start.rollback()
    kept = queue.add(PATH)
    transaction.commit()
    assert jobs.exists(kept)
    assert not any(jobs.exists(job_id) for job_id in dropped)


def test_nested_savepoints_drop_what_is_above_them(jobs: Jobs) -> None:
    """Each savepoint remembers its own length."""
    first = queue.add(PATH)
    outer = transaction.savepoint()
    second = queue.add(PATH)
    inner = transaction.savepoint()
    third = queue.add(PATH)
    inner.rollback()
    outer.rollback()
    transaction.commit()
    assert [jobs.exists(job_id) for job_id in (first, second, third)] == [True, False, False]


def test_a_job_can_be_queued_in_a_before_commit_hook(jobs: Jobs, zodb: ZODB.DB) -> None:
    """The hook still belongs to the transaction."""
    ids = []
    change(zodb)
    transaction.get().addBeforeCommitHook(lambda: ids.append(queue.add(PATH)))
    transaction.commit()
    assert jobs.get(ids[0]).state is State.READY


def test_an_after_commit_hook_is_told_that_it_is_too_late(jobs: Jobs) -> None:
    """The job would be lost silently; the error says so and what to do."""
    errors = []

    def hook(is_committed: bool) -> None:  # noqa: FBT001
        with pytest.raises(AddError) as caught:
            queue.add(PATH)
        errors.append(str(caught.value))

    queue.add(PATH)
    transaction.get().addAfterCommitHook(hook)
    transaction.commit()
    assert "after-commit hook" in errors[0]
    assert "before-commit hook" in errors[0]


def test_a_job_that_is_queued_during_the_vote_fails_the_commit(jobs: Jobs, zodb: ZODB.DB) -> None:
    """Whoever comes too late for the row must not think that it is queued."""
    change(zodb)
    first = queue.add(PATH)
    transaction.get().join(Manager("~", tpc_vote=lambda: queue.add(PATH)))
    with pytest.raises(AddError, match="already committing"):
        transaction.commit()
    transaction.abort()
    assert not jobs.exists(first)
    assert read_back(zodb) is None


def test_an_error_in_the_vote_aborts_the_zodb(jobs: Jobs, zodb: ZODB.DB) -> None:
    """What the database refuses isn't half done."""
    change(zodb)
    job_id = queue.add(PATH)
    transaction.get().join(Manager("~", tpc_vote=lambda: rename_table(jobs, "job", "elsewhere")))
    with pytest.raises(StoreUnavailable, match="refuses that now"):
        transaction.commit()
    transaction.abort()
    rename_table(jobs, "elsewhere", "job")
    assert read_back(zodb) is None
    assert not jobs.exists(job_id)


def rename_table(jobs: Jobs, old: str, new: str) -> None:
    """Break the queue, or mend it."""
    with jobs.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE coserver_{old} RENAME TO coserver_{new}")


def test_a_failure_of_anothers_vote_leaves_no_job(jobs: Jobs, zodb: ZODB.DB) -> None:
    """All others vote before the row is written."""
    change(zodb)
    job_id = queue.add(PATH)
    transaction.get().join(Manager("~~", tpc_vote=fail))
    with pytest.raises(ZeroDivisionError):
        transaction.commit()
    transaction.abort()
    assert not jobs.exists(job_id)


def test_a_job_survives_the_failure_of_anothers_finish(jobs: Jobs, zodb: ZODB.DB) -> None:
    """The ZODB has committed by then, so abort must not touch the staged row."""
    change(zodb)
    job_id = queue.add(PATH)
    transaction.get().join(Manager("~", tpc_finish=fail))
    with pytest.raises(ZeroDivisionError):
        transaction.commit()
    transaction.abort()
    assert read_back(zodb) == "changed"
    assert jobs.get(job_id).state is State.STAGED


def test_finishing_never_raises(
    jobs: Jobs, zodb: ZODB.DB, caplog: pytest.LogCaptureFixture
) -> None:
    """A queue that fails after the ZODB has committed is logged; the row waits as staged."""
    change(zodb)
    job_id = queue.add(PATH)
    transaction.get().join(
        Manager("~~b", tpc_finish=lambda: rename_table(jobs, "job", "elsewhere"))
    )
    transaction.commit()
    assert "the resolver does the rest" in caplog.text
    rename_table(jobs, "elsewhere", "job")
    assert jobs.get(job_id).state is State.STAGED


def test_finishing_never_raises_where_its_log_line_does(jobs: Jobs, zodb: ZODB.DB) -> None:
    """The ZODB has committed: an error tracker that is away must not make the request fail."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("no error tracker")

    handler = Broken()
    logging.getLogger("collective.coserver").addHandler(handler)
    change(zodb)
    queue.add(PATH)
    transaction.get().join(
        Manager("~~b", tpc_finish=lambda: rename_table(jobs, "job", "elsewhere"))
    )
    try:
        transaction.commit()
    finally:
        logging.getLogger("collective.coserver").removeHandler(handler)
        rename_table(jobs, "elsewhere", "job")
    assert read_back(zodb) == "changed"


@pytest.mark.parametrize("step", ["commit", "tpc_vote", "tpc_finish"])
def test_a_commit_that_fails_gives_its_connection_back(
    jobs: Jobs, zodb: ZODB.DB, step: str
) -> None:
    """At whatever step, and not only when the garbage collector comes by."""
    change(zodb)
    queue.add(PATH)
    kept = [transaction.get().data(Batch)]  # or the collector would do it
    transaction.get().join(Manager("~", **{step: fail}))
    with pytest.raises(ZeroDivisionError):
        transaction.commit()
    assert kept
    assert addon_engine.get_engine().pool.checkedout() == 0


def test_a_queue_out_of_reach_fails_the_commit_before_the_zodb_writes(
    tmp_path: Path,
    environment: pytest.MonkeyPatch,
    zodb: ZODB.DB,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The request fails as a whole, with one error that names the database, and no other."""
    folder = tmp_path / "queue"
    folder.mkdir()
    environment.setenv("COSERVER_DATABASE", f"sqlite:///{folder}/queue.sqlite")
    store.upgrade(store.open_engine(f"sqlite:///{folder}/queue.sqlite"))
    change(zodb)
    queue.add(PATH)
    addon_engine.get_engine().dispose()
    folder.rename(tmp_path / "gone")
    written = []
    transaction.get().join(Manager("\0coserves", commit=lambda: written.append(True)))
    with pytest.raises(StoreUnavailable, match=r"queue\.sqlite can't be reached") as caught:
        transaction.commit()
    transaction.abort()
    assert read_back(zodb) is None
    assert not written
    assert caplog.records == []
    assert "".join(format_exception(caught.value)).count("Traceback") == 1


def test_a_connection_that_died_in_the_pool_is_replaced(jobs: Jobs, zodb: ZODB.DB) -> None:
    """A server that was started anew costs no request."""
    queue.add(PATH)
    transaction.commit()
    end_other_sessions(jobs.engine)
    change(zodb)
    job_id = queue.add(PATH)
    transaction.commit()
    assert jobs.get(job_id).state is State.READY


def end_other_sessions(engine: sa.Engine) -> None:
    """Have the server end every session but our own; SQLite has none."""
    if engine.dialect.name == "sqlite":
        return
    end = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}
    for session in other_sessions(engine):
        with engine.connect() as connection:
            connection.exec_driver_sql(end[engine.dialect.name].format(session))
    wait_for(lambda: not other_sessions(engine), what="the sessions to have ended")


def other_sessions(engine: sa.Engine) -> list[int]:
    """Return the server's sessions on this database, but for the one that asks."""
    query = {
        "postgresql": "SELECT pid FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "mysql": "SELECT id FROM information_schema.processlist "
        "WHERE db = database() AND id <> connection_id()",
    }[engine.dialect.name]
    with engine.connect() as connection:
        return [session for (session,) in connection.exec_driver_sql(query)]


def test_identical_jobs_are_two_jobs(jobs: Jobs) -> None:
    """Nothing is taken for a duplicate that doesn't say so."""
    ids = {queue.add(PATH, params={"feed": "1"}) for _ in range(2)}
    transaction.commit()
    assert all(jobs.exists(job_id) for job_id in ids)
    assert len(ids) == 2


@pytest.mark.parametrize("with_zodb", [False, True])
def test_a_unique_job_is_queued_once(jobs: Jobs, zodb: ZODB.DB, with_zodb: bool) -> None:  # noqa: FBT001
    """A live job with the same key keeps others out, within a transaction and across them."""
    ids = []
    for value in range(2):
        if with_zodb:
            change(zodb, value)
        ids += [queue.add(PATH, unique="feed:1") for _ in range(2)]
        transaction.commit()
    live = [i for i in ids if jobs.exists(i) and jobs.get(i).state is State.READY]
    assert live == ids[:1]
    assert {queue.get(job_id).id for job_id in ids} == set(ids[:1])
    assert {jobs.get(job_id).state for job_id in ids[1:]} == {State.CANCELLED}


@pytest.mark.parametrize("with_zodb", [False, True])
def test_the_id_of_a_job_that_was_not_needed_leads_to_the_other(
    jobs: Jobs,
    zodb: ZODB.DB,
    with_zodb: bool,  # noqa: FBT001
) -> None:
    """Whoever comes second looks, cancels and runs again what does the work."""
    first = queue.add(PATH, unique="feed:1")
    transaction.commit()
    if with_zodb:
        change(zodb)
    second = queue.add(PATH, unique="feed:1")
    after = queue.add(PATH, after=[second])
    transaction.commit()
    assert first != second
    assert f"Job {first} holds the same unique key" in jobs.get(second).error
    assert queue.get(second).id == first
    assert queue.cancel(second) is State.CANCELLED
    queue.retry(second)
    assert jobs.get(first).state is State.READY
    assert jobs.get(after).state is State.BLOCKED


@pytest.mark.parametrize("with_zodb", [False, True])
def test_a_key_that_is_free_again_at_the_commit_keeps_nobody_out(
    jobs: Jobs,
    zodb: ZODB.DB,
    with_zodb: bool,  # noqa: FBT001
) -> None:
    """A job that ended while the request went on hasn't seen what the request wrote."""
    first = queue.add(PATH, unique="feed:1")
    transaction.commit()
    if with_zodb:
        change(zodb)
    second = queue.add(PATH, unique="feed:1")
    queue.cancel(first)
    transaction.commit()
    assert queue.get(second).id == second
    assert jobs.get(second).state is State.READY


def test_a_delayed_job_becomes_scheduled(jobs: Jobs, zodb: ZODB.DB) -> None:
    """Staged or not, it waits for its time."""
    change(zodb)
    staged = queue.add(PATH, delay=60)
    transaction.commit()
    plain = queue.add(PATH, delay=60)
    transaction.commit()
    assert {jobs.get(job_id).state for job_id in (staged, plain)} == {State.SCHEDULED}


def test_a_job_that_was_never_committed_is_not_found(jobs: Jobs) -> None:
    """Nor can one that isn't committed yet be cancelled; the transaction that queued it sees it."""
    job_id = queue.add(PATH)
    assert queue.get(job_id).state is State.STAGED
    for door in (queue.cancel, queue.retry):
        with pytest.raises(JobNotFound):
            door(job_id)
    transaction.abort()
    with pytest.raises(JobNotFound):
        queue.get(job_id)
