"""Large claims on PostgreSQL, of which two go abreast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine

from coserver_consumer.job import NewJob
from coserver_consumer.store.picking import LARGE, TURNS
from support.databases import only_on
from support.waiting import wait_for

pytestmark = only_on("postgresql")  # its claims step over locked rows


@contextmanager
def taken(engine: Engine, turns: Sequence[int]) -> Iterator[None]:
    """Take these turns in a transaction that goes on."""
    with engine.begin() as connection:
        for turn in turns:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({turn})")
        yield


def is_awaited(engine: Engine) -> bool:
    """Return True if a claim waits for its turn."""
    query = "SELECT count(*) FROM pg_locks JOIN pg_database base ON base.oid = database"
    query += " WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()"
    with engine.connect() as connection:
        return bool(connection.exec_driver_sql(query).scalar())


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


@pytest.mark.parametrize("turn", TURNS)
def test_a_large_claim_goes_beside_another_one(queue, turn):
    """Whichever turn that one has."""
    queue.add_many([NewJob(task="t") for _ in range(LARGE)])
    with taken(queue.engine, [turn]):
        assert len(queue.take(LARGE)) == LARGE
