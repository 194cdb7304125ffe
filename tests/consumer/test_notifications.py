"""Producers notify idle consumers, on the database that has notifications."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.producer.notifier import find_notifier
from support.databases import only_on
from support.waiting import wait_for

pytestmark = only_on("postgresql")  # it has notifications

# So seldom does the consumer look by itself that only a notification can be the reason.
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


def test_an_idle_consumer_is_notified(start_consumer, client, jobs, line):
    """A job runs at once, also the next one."""
    start_consumer(**SLEEPY)
    wait_for(line, what="the consumer to listen")
    for _ in range(3):
        jobs.wait_completed(client.add("test.echo"), within=10)


def test_a_consumer_that_has_just_looked_heeds_a_notification(start_consumer, client, jobs, line):
    """What has come in since may be of another kind: here a job with a limit."""
    start_consumer(**SLEEPY)
    wait_for(line, what="the consumer to listen")
    for number in range(3):
        jobs.wait_completed(client.add("test.echo"), within=10)
        jobs.wait_completed(client.add("test.echo", limit=f"key {number}"), within=10)


def test_the_consumer_of_another_queue_is_notified_of_what_is_moved_there(
    start_consumer, client, jobs, line, call, database_url
):
    """One job or many, by a program or at the command line."""
    jobs.add_queue("elsewhere")
    start_consumer(**SLEEPY)
    wait_for(line, what="the consumer to listen")
    ids = [client.add("test.echo", queue="elsewhere") for _ in range(3)]
    moves = (
        lambda job_id: client.move(job_id, "default"),
        lambda job_id: client.move_many("default", text=job_id),
        lambda job_id: call(database_url, "jobs", "move", "--to", "default", job_id),
    )
    for job_id, move in zip(ids, moves, strict=True):
        move(job_id)
        jobs.wait_completed(job_id, within=10)


def test_a_broken_line_is_made_anew(start_consumer, client, jobs, line, engine):
    """And the job of which it was notified meanwhile is found."""
    start_consumer(**SLEEPY)
    [pid] = wait_for(line, what="the consumer to listen")
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    during = client.add("test.echo")
    wait_for(lambda: line() not in ([], [pid]), what="the consumer to listen again")
    jobs.wait_completed(during, within=10)
    jobs.wait_completed(client.add("test.echo"), within=10)


def test_many_jobs_are_few_notifications(engine, client):
    """Each is for all jobs that were added since the last one."""
    with engine.connect() as plain:
        listening = store.listen(engine)
        client.add_many("test.echo", [{}] * 3)
        for _ in range(200):
            find_notifier(engine).notify(["default"])
        find_notifier(engine).flush()
        queues = list(store.wait_for_notification(listening, timeout=2))
        listening.close()
        plain.rollback()
    assert set(queues) == {"default"}
    assert len(queues) < 50


def test_nobody_is_notified_of_a_job_that_waits(engine, client):
    """A claim would find nothing."""
    listening = store.listen(engine)
    client.add("test.echo", delay=60)
    find_notifier(engine).flush()
    assert list(store.wait_for_notification(listening, timeout=0.3)) == []
    listening.close()
