"""Statements that are built once."""

from __future__ import annotations

import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.model.job import State
from coserver_consumer.store import manage
from coserver_consumer.store.database.family import find_family
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.schema import tables


def test_a_statement_is_built_once_and_takes_other_values_each_time(queue):
    """For the family of databases that it is told."""
    built = []

    @Statement
    def find(family):
        built.append(family)
        return sa.select(tables.job.c.title).where(tables.job.c.id == parameter("job_id"))

    ids = [queue.put(title=title) for title in ("one", "two")]
    with queue.engine.connect() as connection:
        found = [find.execute(connection, job_id=job_id).scalar_one() for job_id in ids]
    assert found == ["one", "two"]
    assert built == [find_family(queue.engine)]


def test_a_claim_takes_other_lists_each_time(queue):
    """Of queues, tasks and requirements, also none."""
    queue.add_queue("other")
    plain, other = queue.put(), queue.put(queue="other", task="u")
    asking = queue.put(requires=("gpu", "linux"))
    assert queue.take(tasks=["u"]) == []
    (first,) = queue.take(9)
    (second,) = queue.take(9, queues=["default", "other"], tasks=["t", "u"])
    (third,) = queue.take(9, capabilities=["linux", "gpu", "wide"])
    assert [job.id for job in (first, second, third)] == [plain, other, asking]


def test_a_run_ends_with_what_it_returned_or_with_nothing(queue):
    """``None`` is a value of JSON like others, and an error has no result."""
    for result in ({"a": ["ü", None]}, None, 0):
        queue.put()
        (job,) = queue.take()
        assert queue.complete_running(job.key, result)
        assert not queue.complete_running(job.key, "again")
        ended = queue.get(job.id)
        assert (ended.state, ended.result, ended.error) == (State.COMPLETED, result, None)
        assert ended.ended_at >= ended.started_at


def test_reading_leaves_connections_as_they_were(queue):
    """On PostgreSQL it is done without a transaction; what is written next has one again."""
    job_id = queue.put()
    store.read(queue.engine, lambda connection: manage.get(connection, job_id))
    with queue.engine.connect() as connection:
        connection.execute(sa.delete(tables.job))
        connection.rollback()
    assert queue.get(job_id).state is State.READY
