"""A consumer whose database goes away and comes back: PostgreSQL really stopped and started."""

from __future__ import annotations

import pytest

from coserver_consumer import Client, store
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
    log = consumer.output()
    assert log.count("The database is away") == 1
    assert log.count("The database is back") == 1
    assert "Traceback" not in log
    assert consumer.stop() == 0


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
