"""Producers call idle consumers, on the database that carries calls."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.producer.notifier import find_bell
from support.databases import only_on
from support.waiting import wait_for

pytestmark = only_on("postgresql")  # it carries calls

# So seldom does the consumer look by itself that only a call can be the reason.
SLEEPY = {"COSERVER_POLL_MIN": "100", "COSERVER_POLL_MAX": "100"}


@pytest.fixture
def line(database_url, engine):
    """Return the processes of PostgreSQL that listen."""

    def find() -> list[int]:
        query = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        query += " AND datname = current_database()"
        with engine.connect() as connection:
            return list(connection.execute(sa.text(query)).scalars())

    return find


def test_an_idle_consumer_is_called(start_consumer, client, jobs, line):
    """A job runs at once, also the next one."""
    start_consumer(**SLEEPY)
    wait_for(line, what="the consumer to listen")
    for _ in range(3):
        jobs.wait_completed(client.add("test.echo"), within=10)


def test_a_call_is_heeded_by_one_who_has_looked_a_moment_ago(start_consumer, client, jobs, line):
    """What has come in since may be of another kind: here a job with a limit."""
    start_consumer(**SLEEPY)
    wait_for(line, what="the consumer to listen")
    for number in range(3):
        jobs.wait_completed(client.add("test.echo"), within=10)
        jobs.wait_completed(client.add("test.echo", limit=f"key {number}"), within=10)


def test_a_broken_line_is_made_anew(start_consumer, client, jobs, line, engine):
    """And what was called meanwhile is found."""
    start_consumer(**SLEEPY)
    [pid] = wait_for(line, what="the consumer to listen")
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    during = client.add("test.echo")
    wait_for(lambda: line() not in ([], [pid]), what="the consumer to listen again")
    jobs.wait_completed(during, within=10)
    jobs.wait_completed(client.add("test.echo"), within=10)


def test_many_rings_are_few_calls(engine, client):
    """Each call is for all that was rung for since the last one."""
    with engine.connect() as plain:
        listening = store.listen(engine)
        client.add_many("test.echo", [{}] * 3)
        for _ in range(200):
            find_bell(engine).ring(["default"])
        find_bell(engine).quiet()
        heard = list(store.hear(listening, patience=2))
        listening.close()
        plain.rollback()
    assert set(heard) == {"default"}
    assert len(heard) < 50


def test_nobody_is_called_for_a_job_that_waits(engine, client):
    """A later call would find nothing."""
    listening = store.listen(engine)
    client.add("test.echo", delay=60)
    find_bell(engine).quiet()
    assert list(store.hear(listening, patience=0.3)) == []
    listening.close()
