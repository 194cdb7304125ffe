"""A queue that answers late must not hold the ZODB up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest
import sqlalchemy as sa
import transaction
from sqlalchemy import Engine

from collective.coserver import evidence, queue
from coserver_consumer import store
from coserver_consumer.errors import StoreUnavailable
from coserver_consumer.maintenance.resolver import Resolver
from coserver_consumer.model.job import State
from coserver_consumer.runtime.database import Database
from coserver_consumer.store.schema import tables
from support.addon import use_database
from support.databases import DATABASES
from support.jobs import Jobs
from support.line import Line
from support.private_postgresql import private_postgresql
from support.storages import open_db
from support.waiting import wait_for

SERVED = [kind for kind in DATABASES if kind != "sqlite"]  # a file has no server to stand still
Freeze = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def db(tmp_path: Any) -> Any:
    """A ZODB behind a ZEO server."""
    with open_db("zeo", tmp_path) as database:
        yield database


def test_a_locked_queue_fails_the_request_soon(
    engine: Engine, database_url: str, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has locked the table: the request fails all the same, and the ZODB is free again."""
    monkeypatch.setenv("COSERVER_COMMIT_TIMEOUT", "4")
    with use_database(database_url, monkeypatch):
        db.open().root()["value"] = 1
        queue.add("/Plone/@@view")
        with engine.connect() as connection:
            _lock(connection)
            with pytest.raises(StoreUnavailable, match="refuses that now"):
                transaction.commit()
        transaction.abort()
    with db.transaction() as other:
        assert "value" not in other.root()
        other.root()["other"] = 1


def _lock(connection: sa.Connection) -> None:
    """Keep everybody else from writing jobs; on SQLite the open transaction does."""
    match connection.dialect.name:
        case "postgresql":
            connection.exec_driver_sql(f"LOCK TABLE {tables.job.name}")
        case "mysql" | "mariadb":
            connection.exec_driver_sql(f"LOCK TABLES {tables.job.name} WRITE")
        case _:
            connection.execute(sa.select(1))


class Neighbour:
    """A data manager that acts in its vote, with a key that says before or after whose."""

    transaction_manager = None

    def __init__(self, key: str, act: Callable[[], object]) -> None:
        self.key = key
        self.act = act

    def sortKey(self) -> str:  # noqa: N802
        return self.key

    def tpc_vote(self, current: Any) -> None:
        self.act()

    def __getattr__(self, name: str) -> Any:
        if name in ("abort", "tpc_begin", "commit", "tpc_finish", "tpc_abort"):
            return lambda current: None
        raise AttributeError(name)


@pytest.fixture(params=SERVED)
def frozen(
    request: pytest.FixtureRequest, upgraded: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Freeze, Engine]]:
    """What freezes the queue's server, or its line, whose kernel goes on to acknowledge."""
    monkeypatch.setenv("COSERVER_COMMIT_TIMEOUT", "4")
    with ExitStack() as stack:
        if request.param == "postgresql":
            server = stack.enter_context(private_postgresql())
            url, freeze = server.url, server.standing_still
        else:
            address = sa.make_url(upgraded(request.param))
            line = Line(address.port or 3306)
            stack.callback(line.close)
            url = address.set(host="127.0.0.1", port=line.port).render_as_string(False)
            freeze = line.held
        engine = store.open_engine(url)
        stack.callback(engine.dispose)
        store.upgrade(engine)
        stack.enter_context(use_database(url, monkeypatch))
        queue.add("/Plone/@@warm")  # a connection is in the pool, and looks alive
        transaction.commit()
        yield freeze, engine


def resolve(engine: Engine, db: Any) -> None:
    """Do as a consumer's resolver does."""

    def ask(questions: Any) -> Any:
        return evidence.answer(questions, {"main": db}) if questions else []

    Resolver(Database(engine), ask, older_than=0, wake=lambda: None).tick()


def commit_elsewhere(db: Any) -> None:
    """Do as another Zope that queues nothing."""
    with db.transaction(transaction.TransactionManager()) as other:
        other.root()["other"] = 1


@pytest.mark.skipif(not SERVED, reason="No database with a server is among those asked for")
def test_a_queue_that_stands_still_fails_the_request_and_holds_nobody(
    frozen: tuple[Freeze, Engine], db: Any
) -> None:
    """Nobody is there to keep the server's own timeouts."""
    freeze, engine = frozen
    db.open().root()["value"] = 1
    job_id = queue.add("/Plone/@@view")
    with ThreadPoolExecutor() as threads, freeze():
        others: list[Future[None]] = []
        neighbour = Neighbour("~~a", lambda: others.append(threads.submit(commit_elsewhere, db)))
        transaction.get().join(neighbour)
        with pytest.raises(StoreUnavailable):
            transaction.commit()
        transaction.abort()
        others[0].result(60)
    jobs = Jobs(engine)

    def is_undone() -> bool:
        """Resolve: the server may do, now that it goes on, what nobody waited for."""
        resolve(engine, db)
        return not jobs.exists(job_id) or jobs.get(job_id).state is State.DROPPED

    wait_for(is_undone, what="the job to be dropped")


@pytest.mark.skipif(not SERVED, reason="No database with a server is among those asked for")
def test_a_queue_that_stands_still_as_the_zodb_has_committed_is_told_later(
    frozen: tuple[Freeze, Engine], db: Any
) -> None:
    """The request goes on without it, and the resolver lets its job run."""
    freeze, engine = frozen
    db.open().root()["value"] = 1
    job_id = queue.add("/Plone/@@view")
    with ExitStack() as stack:
        transaction.get().join(Neighbour("~~~", lambda: stack.enter_context(freeze())))
        transaction.commit()
    with db.transaction(transaction.TransactionManager()) as other:
        assert other.root()["value"] == 1
    resolve(engine, db)
    assert Jobs(engine).get(job_id).state is State.READY
