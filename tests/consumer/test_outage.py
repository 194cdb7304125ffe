"""A consumer whose database goes away and comes back: PostgreSQL really stopped and started."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer import Client, store
from coserver_consumer.errors import StoreUnavailable
from coserver_consumer.runtime.database import Database
from support.databases import DATABASES
from support.jobs import Jobs
from support.private_postgresql import private_postgresql
from support.waiting import wait_for

pytestmark = pytest.mark.skipif(
    "postgresql" not in DATABASES, reason="PostgreSQL isn't among COSERVER_TEST_DATABASES"
)


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server of our own, with the tables."""
    with private_postgresql() as server:
        engine = store.open_engine(server.url)
        store.upgrade(engine)
        engine.dispose()
        yield server


@pytest.fixture
def engine(server):
    """An engine on it."""
    engine = store.open_engine(server.url)
    yield engine
    engine.dispose()


@pytest.fixture
def outages(caplog):
    """Return a function: what was logged of the database in this process, away or back."""
    caplog.set_level(logging.INFO)
    start = "The database is "

    def read() -> list[str]:
        lines = [record.getMessage() for record in caplog.records]
        return [line.removeprefix(start)[:4] for line in lines if line.startswith(start)]

    return read


@contextmanager
def _held(do: Callable[..., object]) -> Iterator[Future[object]]:
    """Hold a transaction after its first answer for the length of the block; yield its future."""
    answered, release = Event(), Event()

    def work(connection: Connection) -> object:
        answer = connection.scalar(sa.text("SELECT 1"))
        answered.set()
        assert release.wait(60)
        return answer

    with ThreadPoolExecutor() as threads:
        future = threads.submit(do, work)
        assert answered.wait(10)
        try:
            yield future
        finally:
            release.set()


def _is_away(database: Database) -> bool:
    try:
        database.read(lambda connection: connection.scalar(sa.text("SELECT 1")))
    except StoreUnavailable:
        return True
    return False


@pytest.mark.parametrize("way", ["stop", "crash"])
def test_a_consumer_survives_that_its_database_goes_away(server, engine, make_consumer, gate, way):
    """A job that ends meanwhile is told when it is back, and others are run; nothing is lost."""
    jobs, client = Jobs(engine), Client(engine)
    consumer = make_consumer(server.url)
    consumer.start()
    held = client.add("test.gate", gate.args)
    wait_for(lambda: gate.reached(held), what="the job to run")

    getattr(server, way)()
    wait_for(lambda: "The database is away" in consumer.output(), what="the log")
    gate.open()
    server.start()

    later = client.add("test.echo", {"a": 1})
    assert jobs.wait_completed(later).result == {"a": 1}
    ended = jobs.wait_completed(held)
    assert (ended.result, ended.attempt, ended.rescues) == ({"attempt": 1}, 1, 0)
    wait_for(lambda: "The database is back" in consumer.output(), what="the log")
    assert consumer.stop() == 0
    log = consumer.output()
    assert log.count("The database is away") == 1
    assert log.count("The database is back") == 1
    assert "Traceback" not in log


def test_an_answer_from_before_an_outage_does_not_end_it(server, engine, outages):
    """Two threads, one server: the slower one only now reads what it was told in time."""
    database = Database(engine)
    with _held(database.read) as late:
        server.crash()
        assert _is_away(database)
    assert late.result() == 1
    assert outages() == ["away"]

    server.start()
    wait_for(lambda: not _is_away(database) and "back" in outages(), what="its return")
    assert outages() == ["away", "back"]


def test_a_failure_from_before_its_return_is_no_new_outage(server, engine, outages):
    """A connection that broke in the outage, and whose thread learns it when all is well again."""
    database = Database(engine)
    with _held(database.write) as late:
        server.crash()
        assert _is_away(database)
        server.start()
        wait_for(lambda: not _is_away(database) and "back" in outages(), what="its return")
    assert isinstance(late.exception(), StoreUnavailable)
    assert outages() == ["away", "back"]


def test_a_consumer_that_is_stopped_during_an_outage_ends_all_the_same(
    server, engine, make_consumer, gate
):
    """It says that it couldn't tell, exits with 1, and its jobs are rescued by another."""
    jobs, client = Jobs(engine), Client(engine)
    consumer = make_consumer(server.url, "--grace", "0")
    consumer.start()
    held = client.add("test.gate", gate.args)
    wait_for(lambda: gate.reached(held), what="the job to run")

    server.stop()
    assert consumer.stop() == 1
    assert "without reaching the database" in consumer.output()
    server.start()

    gate.open()
    other = make_consumer(server.url, name="other", COSERVER_DEAD_AFTER="2")
    other.start()
    assert jobs.wait_completed(held).rescues >= 1
    assert other.stop() == 0


def test_a_consumer_does_not_start_without_its_database(server, make_consumer):
    """Who starts it sees at once that something is wrong: one line, and exit code 1."""
    server.stop()
    consumer = make_consumer(server.url)
    consumer.launch()
    assert consumer.wait() == 1
    server.start()
    assert "can't be reached" in consumer.tail(1)
    assert "Traceback" not in consumer.output()


def test_a_consumer_may_wait_for_its_database_at_its_start(server, engine, make_consumer):
    """Containers start in any order."""
    server.stop()
    consumer = make_consumer(server.url, "--wait-for-database", "600")
    consumer.launch()
    wait_for(lambda: "Waiting up to 600 s for the database" in consumer.output(), what="the log")
    server.start()
    consumer.wait_ready()
    assert Jobs(engine).wait_completed(Client(engine).add("test.echo")).attempt == 1
    assert consumer.stop() == 0
    assert "Traceback" not in consumer.output()


def test_a_consumer_that_waits_for_its_database_can_be_stopped(server, make_consumer):
    """Whoever started it needn't wait as long."""
    server.stop()
    consumer = make_consumer(server.url, "--wait-for-database", "600")
    consumer.launch()
    wait_for(lambda: "Waiting up to 600 s" in consumer.output(), what="the log")
    assert consumer.stop() == 0
    server.start()
