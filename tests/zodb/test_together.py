"""Chains and groups of a ZODB transaction, whatever becomes of its process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction
from sqlalchemy import Connection, Engine
from ZODB import DB

from collective.coserver import queue
from coserver_consumer import store
from coserver_consumer.model.indoubt import Fate
from coserver_consumer.model.job import Job, State, new_id
from coserver_consumer.model.lifecycle import complete
from coserver_consumer.model.workflow import Group
from coserver_consumer.store import claim, enqueue, finish
from support.addon import use_database
from support.commits import at_finish, drop_all, fail_after_everybody, recover_all
from support.jobs import Jobs
from support.storages import open_db

READY, BLOCKED, STAGED = State.READY, State.BLOCKED, State.STAGED
PATH = "/Plone/@@view"


@pytest.fixture
def jobs(engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """The queue, known to the add-on."""
    with use_database(database_url, monkeypatch):
        yield Jobs(engine)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[DB]:
    """An open database of the ZODB, which the current transaction has changed."""
    with open_db("file", tmp_path) as database:
        database.open().root()["value"] = 1
        yield database


def make_group(**options: Any) -> Group:
    """Queue a group of two with a job for either end."""
    return queue.group(
        [queue.job(PATH, **options), queue.job(PATH, **options)],
        on_success=queue.job(PATH),
        on_failure=queue.job(PATH),
        serial=True,
    )


def states(jobs: Jobs, group: Group) -> list[State]:
    """Return the states of the group's jobs."""
    return [jobs.get(job.id).state for job in group.jobs]


def run(jobs: Jobs) -> list[str]:
    """Complete one job after another until none is ready; return their ids in that order."""

    def work(connection: Connection) -> list[Job]:
        taken = claim.claim(
            connection, consumer=new_id(), queues=["default"], tasks=["view"], limit=1
        )
        finish.end_attempts(connection, [complete(job) for job in taken])
        return taken

    ran: list[str] = []
    while taken := store.write(jobs.engine, work):
        ran += [job.id for job in taken]
    return ran


def require_order(jobs: Jobs, group: Group) -> None:
    """Run the group; all has to succeed in its order."""
    assert states(jobs, group) == [READY, BLOCKED, BLOCKED, BLOCKED]
    assert run(jobs) == [job.id for job in (*group.members, group.on_success)]
    assert jobs.get(group.on_failure.id).state is State.CANCELLED


def test_a_group_is_staged_while_the_zodb_finishes(jobs: Jobs, db: DB) -> None:
    """None of it can be claimed before; then its first job can."""
    group, seen = make_group(), []
    transaction.get().join(at_finish(lambda: seen.extend(states(jobs, group))))
    transaction.commit()
    assert seen == [STAGED] * 4
    require_order(jobs, group)


def test_a_group_of_a_process_that_died_after_the_commit_runs_in_order(jobs: Jobs, db: DB) -> None:
    """The resolver finds out and promotes it."""
    group = make_group()
    transaction.get().join(fail_after_everybody())
    with pytest.raises(RuntimeError):
        transaction.commit()
    transaction.abort()
    assert states(jobs, group) == [STAGED] * 4
    assert recover_all(jobs, db) == [Fate.COMMITTED]
    require_order(jobs, group)


def test_a_group_of_a_transaction_that_never_committed_never_runs(jobs: Jobs, db: DB) -> None:
    """Its rows were written in the vote, then its process died."""
    group = make_group()
    current = transaction.get()
    current.join(stop_before_finish())
    with pytest.raises(RuntimeError, match="vetoed"):
        transaction.commit()
    transaction.abort()
    assert recover_all(jobs, db) == [Fate.ABORTED]
    assert states(jobs, group) == [State.DROPPED] * 4
    assert run(jobs) == []


@pytest.mark.parametrize("options", [{}, {"unique": "k", "unique_for": 60}])
def test_a_slow_producer_gets_its_group_back(jobs: Jobs, db: DB, options: dict[str, Any]) -> None:
    """In its order, though it was taken for dropped between vote and finish."""
    group = make_group(**options)
    transaction.get().join(at_finish(lambda: drop_all(jobs)))
    transaction.commit()
    if not options:
        require_order(jobs, group)
        return
    assert run(jobs) == [group.members[0].id, group.on_success.id]


def test_a_parent_that_ends_between_vote_and_finish_lets_its_child_go(jobs: Jobs, db: DB) -> None:
    """It was another request's."""
    other = queue.job(PATH)
    parent = store.write(jobs.engine, lambda connection: enqueue.add(connection, other))
    child = queue.add(PATH, after=[parent])
    transaction.get().join(at_finish(lambda: run(jobs)))
    transaction.commit()
    assert jobs.get(parent).state is State.COMPLETED
    assert run(jobs) == [child]


def stop_before_finish() -> Any:
    """Return a data manager that votes after all others, and no."""

    class Veto:
        def sortKey(self) -> str:  # noqa: N802
            return "~~~"

        def tpc_vote(self, current: Any) -> None:
            raise RuntimeError("vetoed")

        def __getattr__(self, name: str) -> Any:
            if name in ("abort", "tpc_begin", "commit", "tpc_finish", "tpc_abort"):
                return lambda current: None
            raise AttributeError(name)

    return Veto()
