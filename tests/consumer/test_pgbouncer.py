"""PgBouncer in transaction mode between the queue's programs and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer import Client, store
from coserver_consumer.store import manage
from coserver_consumer.store.database.engine import is_behind_pooler
from demo.processes import Process
from support.databases import DATABASES, only_on
from support.jobs import Jobs
from support.private_pgbouncer import POOL, private_pgbouncer

pytestmark = [
    only_on("postgresql"),
    pytest.mark.skipif("postgresql" not in DATABASES, reason="PostgreSQL wasn't asked for"),
]
NUMBER = 200  # jobs that several threads add one by one


@pytest.fixture
def pooled_url(database_url: str) -> Iterator[str]:
    """The test's database behind a pooler that shares few sessions among many."""
    with private_pgbouncer(database_url) as url:
        yield url


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Engine]:
    """An engine on it, as consumers have it."""
    engine = store.open_engine(pooled_url, pool_size=10, for_consumer=True)
    yield engine
    engine.dispose()


def test_a_pooler_is_seen(pooled: Engine, engine: Engine) -> None:
    """By its process id, which isn't that of the server's session."""
    assert is_behind_pooler(pooled)
    assert not is_behind_pooler(engine)


def test_every_job_that_was_added_is_there(pooled_url: str, engine: Engine) -> None:
    """Programs that prepare statements under the same names lost a third of them."""
    clients = [Client(pooled_url) for _ in range(4)]

    def add(number: int) -> str:
        return clients[number % 4].add("t", {"number": number})

    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(add, range(NUMBER)))
    jobs = {job.id: job.args for job in store.read(engine, lambda c: manage.find(c, limit=1000))}
    assert jobs == {job_id: {"number": number} for number, job_id in enumerate(ids)}
    for client in clients:
        client.close()


def test_transactions_have_their_limits_and_leave_no_traces(
    pooled: Engine, database_url: str
) -> None:
    """What a transaction is told ends with it: the next one in the session is somebody else's."""
    ask = "SELECT setting FROM pg_settings WHERE name = 'statement_timeout'"
    with pooled.begin() as connection:
        assert connection.exec_driver_sql(ask).scalar() == "30000"
    store.read(pooled, lambda c: c.exec_driver_sql("SELECT 1"))
    plain = sa.create_engine(pooled.url, isolation_level="AUTOCOMMIT", pool_size=POOL)
    for _ in range(POOL * 3):
        with plain.connect() as connection:
            assert connection.exec_driver_sql(ask).scalar() == "0"
    plain.dispose()


def test_a_consumer_works_behind_a_pooler(
    pooled_url: str, engine: Engine, make_consumer: Callable[..., Process]
) -> None:
    """It looks for jobs by itself, since nobody can notify it there."""
    consumer = make_consumer(pooled_url, "--threads", "4")
    consumer.start()
    with Client(pooled_url) as client:
        ids = [client.add("test.echo", {"number": number}) for number in range(30)]
    jobs = Jobs(engine)
    assert [jobs.wait_completed(job_id).result["number"] for job_id in ids] == list(range(30))
    assert consumer.stop() == 0
    assert "Traceback" not in consumer.output()
