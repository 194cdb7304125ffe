"""Large claims, of which two go abreast; on SQLite nothing does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import Engine

from coserver_consumer.model.new_job import NewJob
from coserver_consumer.store.claim.claim_lock import LARGE_CLAIM
from coserver_consumer.store.database.advisory_lock import LARGE_CLAIMS, AdvisoryLock, hold
from support.databases import only_on
from support.waiting import PATIENCE, wait_for

pytestmark = only_on("postgresql", "mysql")

AWAITED = {
    "postgresql": "SELECT count(*) FROM pg_locks JOIN pg_database base ON base.oid = database"
    " WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()",
    "mysql": "SELECT count(*) FROM information_schema.processlist"
    " WHERE state = 'User lock' AND db = DATABASE()",
}


@contextmanager
def held(engine: Engine, locks: Sequence[AdvisoryLock]) -> Iterator[None]:
    """Hold each of these locks in a transaction that goes on."""
    with engine.connect() as connection, ExitStack() as stack:
        assert all(stack.enter_context(hold(connection, lock)) for lock in locks)
        yield


def is_awaited(engine: Engine) -> bool:
    """Return True if a claim waits for a lock."""
    with engine.connect() as connection:
        return bool(connection.exec_driver_sql(AWAITED[engine.dialect.name]).scalar())


@pytest.mark.parametrize("most", [None, LARGE_CLAIM], ids=["free", "ruled"])
def test_a_large_claim_waits_while_two_others_are_at_it_and_a_small_one_does_not(queue, most):
    """It would step over the rows that they are just taking.

    Where a rule makes claims count one after another, it waits before it keeps others from that.
    """
    queue.add_many([NewJob(task="t") for _ in range(LARGE_CLAIM)])
    queue.set_max_running("default", most)
    with ThreadPoolExecutor() as pool:
        with held(queue.engine, LARGE_CLAIMS):
            large = pool.submit(queue.take, LARGE_CLAIM)
            wait_for(lambda: is_awaited(queue.engine), what="the large claim to wait")
            assert len(queue.take(LARGE_CLAIM // 2)) == LARGE_CLAIM // 2
            assert not large.done()
        assert len(large.result(timeout=PATIENCE)) == LARGE_CLAIM // 2


@pytest.mark.parametrize("lock", LARGE_CLAIMS, ids=lambda lock: lock.name)
def test_a_large_claim_goes_beside_another_one(queue, lock):
    """Whichever lock that one holds."""
    queue.add_many([NewJob(task="t") for _ in range(LARGE_CLAIM)])
    with held(queue.engine, [lock]):
        assert len(queue.take(LARGE_CLAIM)) == LARGE_CLAIM
