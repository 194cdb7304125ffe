"""Large claims, of which two go abreast; on SQLite nothing does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.model.job import NewJob
from coserver_consumer.store.claim.claim_lock import LARGE, NUMBERS, in_turn, name_of
from support.databases import only_on
from support.waiting import wait_for

on_servers = only_on("postgresql", "mysql")

TURNS = (0, 1)
AWAITED = {
    "postgresql": "SELECT count(*) FROM pg_locks JOIN pg_database base ON base.oid = database"
    " WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()",
    "mysql": "SELECT count(*) FROM information_schema.processlist"
    " WHERE state = 'User lock' AND db = DATABASE()",
}


@contextmanager
def taken(engine: Engine, turns: Sequence[int]) -> Iterator[None]:
    """Take these turns in a transaction that goes on."""
    with engine.connect() as connection:
        for turn in turns:
            connection.exec_driver_sql(
                f"SELECT pg_advisory_xact_lock({NUMBERS[turn]})"
                if engine.dialect.name == "postgresql"
                else f"SELECT GET_LOCK({name_of(turn)}, 0)"
            )
        yield
        connection.invalidate()  # MariaDB keeps such a lock as long as its connection


def is_awaited(engine: Engine) -> bool:
    """Return True if a claim waits for its turn."""
    with engine.connect() as connection:
        return bool(connection.exec_driver_sql(AWAITED[engine.dialect.name]).scalar())


@on_servers
@pytest.mark.parametrize("most", [None, LARGE], ids=["free", "ruled"])
def test_a_large_claim_waits_while_two_others_are_at_it_and_a_small_one_does_not(queue, most):
    """It would step over the rows that they are just taking.

    Where a rule makes claims count one after another, it waits before it keeps others from that.
    """
    queue.add_many([NewJob(task="t") for _ in range(LARGE)])
    queue.set_max_running("default", most)
    with ThreadPoolExecutor() as pool:
        with taken(queue.engine, TURNS):
            large = pool.submit(queue.take, LARGE)
            wait_for(lambda: is_awaited(queue.engine), what="the large claim to wait")
            assert len(queue.take(LARGE // 2)) == LARGE // 2
            assert not large.done()
        assert len(large.result(timeout=10)) == LARGE // 2


@on_servers
@pytest.mark.parametrize("turn", TURNS)
def test_a_large_claim_goes_beside_another_one(queue, turn):
    """Whichever turn that one has."""
    queue.add_many([NewJob(task="t") for _ in range(LARGE)])
    with taken(queue.engine, [turn]):
        assert len(queue.take(LARGE)) == LARGE


@only_on("mysql")
@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
def test_a_turn_on_mariadb_ends_with_its_claim(queue, fails):
    """Its connection goes back into a pool and lives on, with all locks that it holds by name."""
    free = " AND ".join(f"IS_FREE_LOCK({name_of(turn)})" for turn in TURNS)
    with queue.engine.connect() as connection, queue.engine.connect() as other:
        try:
            with in_turn(connection, LARGE):
                assert not other.exec_driver_sql(f"SELECT {free}").scalar()
                if fails:
                    connection.exec_driver_sql("SELECT nothing FROM nowhere")
        except sa.exc.ProgrammingError:
            assert fails
        assert other.exec_driver_sql(f"SELECT {free}").scalar()


def lose_connection_in_turn(engine: Engine) -> None:
    """Have a claim's connection ended from outside."""
    with engine.connect() as connection, in_turn(connection, LARGE):
        number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar()
        with engine.connect() as other:
            other.exec_driver_sql(f"KILL {number}")
        connection.exec_driver_sql("SELECT 1")


@only_on("mysql")
def test_an_outage_in_a_turn_is_told_as_one(queue):
    """The end of the turn can't be told on a connection that is gone; that must hide nothing."""
    with pytest.raises(sa.exc.OperationalError) as raised:
        lose_connection_in_turn(queue.engine)

    assert store.is_outage(raised.value)
