"""Answers to a commit that are lost: what the page about the commit protocol says is beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import transaction
import ZEO
from sqlalchemy import Engine
from transaction.interfaces import TransientError
from ZEO.ClientStorage import ClientStorage
from ZODB import DB

from collective.coserver import queue
from coserver_consumer.errors import StoreUnavailable
from coserver_consumer.model.job import State, new_id
from coserver_consumer.store.schema import tables
from demo.ports import HOST
from support.addon import use_database
from support.commits import at_vote, recover_all
from support.databases import only_on
from support.jobs import Jobs
from support.line import Line
from support.waiting import wait_for


def list_states(engine: Engine) -> list[str]:
    """Return the states of all jobs."""
    with engine.connect() as connection:
        return list(connection.execute(sa.select(tables.job.c.state)).scalars())


@pytest.fixture
def far_zodb(tmp_path: Path) -> Iterator[tuple[Line, DB, DB]]:
    """A line to a ZEO server, a client at its end, and one that is near."""
    address, stop = ZEO.server(str(tmp_path / "Data.fs"))
    line = Line(address[1])
    near = DB(ClientStorage(address), database_name="main")
    far = DB(ClientStorage((HOST, line.port), wait_timeout=30), database_name="main")
    yield line, far, near
    line.cut()
    far.close()
    near.close()
    line.close()
    stop()


def test_a_request_happens_twice_if_zeos_answer_is_lost(
    far_zodb: tuple[Line, DB, DB],
    engine: Engine,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The ZODB has committed it, and Zope does it again: a job and an object each time."""
    line, far, near = far_zodb

    def serve(last: Any = None) -> None:
        with closing(far.open()) as connection:
            connection.root()[new_id()] = "object"
            queue.add("/Plone/@@view")
            if last is not None:
                transaction.get().join(last)
            commit()

    def count() -> int:
        with near.transaction() as connection:
            return len(connection.root())

    with use_database(database_url, monkeypatch), ThreadPoolExecutor(1) as threads:
        served = threads.submit(serve, at_vote(line.hold, sort_key="~~~"))
        wait_for(lambda: count() == 1, what="the ZODB to commit")
        line.cut()
        with pytest.raises(TransientError):  # ZPublisher does such requests again
            served.result()
        threads.submit(serve).result()
        wait_for(lambda: count() == 2, what="the other client to hear of it")
        recover_all(Jobs(engine), near)
        assert list_states(engine) == [State.READY, State.READY]


@only_on("postgresql")  # where it is one statement, which commits by itself
def test_a_request_without_a_change_may_fail_and_have_its_job(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQL has committed it, and its answer is lost: nothing but SQL could tell."""
    url = sa.make_url(database_url)
    line = Line(url.port or 5432)
    far = url.set(port=line.port).render_as_string(hide_password=False)

    def serve() -> None:
        queue.add("/Plone/@@view")
        transaction.get().join(at_vote(line.hold, sort_key="~~a"))
        commit()

    with use_database(far, monkeypatch), ThreadPoolExecutor(1) as threads:
        served = threads.submit(serve)
        wait_for(lambda: list_states(engine), what="the job")
        line.cut()
        with pytest.raises((StoreUnavailable, sa.exc.DBAPIError)):
            served.result()
    line.close()
    assert list_states(engine) == [State.READY]


def commit() -> None:
    """Commit, or leave nothing behind in this thread."""
    try:
        transaction.commit()
    finally:
        transaction.abort()
