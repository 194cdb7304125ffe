"""Changes of many jobs: what they cost, and what others do to the jobs meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.model.job import State, new_id
from coserver_consumer.producer import bulk
from coserver_consumer.store import claim, manage
from coserver_consumer.store.database.sessions import Timeouts
from coserver_consumer.store.schema import tables
from support.databases import only_on

CHANGES = [
    lambda client: client.set_priority_many(7, all=True),
    lambda client: client.move_many("slow", all=True),
    lambda client: client.cancel_many(all=True),
    lambda client: client.retry_many(states="cancelled"),
]


@pytest.fixture
def slow(engine):
    """Another queue than the default one."""
    store.write(engine, lambda connection: manage.add_queues(connection, ["slow", "default"]))


@pytest.fixture
def hasty_engine(database_url):
    """An engine whose transactions wait a second for what others have locked."""
    engine = store.open_engine(database_url, timeouts=Timeouts(lock=1))
    yield engine
    engine.dispose()


@pytest.fixture
def lock_newest(engine):
    """Lock the newest job in a transaction of its own, which is returned."""
    row = tables.job.c
    with engine.begin() as connection:
        newest = sa.select(row.id).order_by(row.id.desc()).limit(1)
        yield lambda: connection.execute(newest.with_for_update()) and connection


def test_a_page_takes_no_statement_for_each_job(client, slow):
    """The same number of them for a few jobs as for many."""

    def count_statements(number):
        client.add_many("a", [{}] * number)
        sent = []
        note = lambda *said: sent[-1].append(said[2])  # noqa: E731  to be removed again
        sa.event.listen(client._engine, "before_cursor_execute", note)
        for change in CHANGES:
            sent.append([])
            assert change(client).changed == number
        sa.event.remove(client._engine, "before_cursor_execute", note)
        client.cancel_many(all=True)
        client.move_many("default", all=True)
        with client._engine.begin() as connection:
            connection.execute(sa.delete(tables.history))
        return [sum("coserver_queue" not in each for each in statements) for statements in sent]

    count_statements(1)  # a new connection is asked more
    assert count_statements(3) == count_statements(9)


def test_each_job_of_a_page_is_changed_as_it_would_be_alone(client, slow):
    """Those that wait for others, that hold keys, and those whose keys others hold by now."""
    parent = client.add("a", delay=timedelta(days=1))
    child = client.add("a", after=[parent])
    other = client.add("a", after=[parent], accepts_failure=True, queue="slow")
    keyed = client.add("a", unique="k")
    assert client.cancel_many(queues="default").changed == 3
    assert client.get(other).state is State.READY
    holder = client.add("a", unique="k", queue="slow")
    done = client.retry_many(states="cancelled", by="jane")
    assert (done.changed, [each.job_id for each in done.refused]) == (2, [keyed])
    assert f"job {holder} has the same unique key" in done.refused[0].reason
    assert {client.get(each).state for each in (parent, child)} == {State.READY}
    client.cancel(holder)
    done = client.retry_many(states="cancelled")
    assert (done.changed, done.refused[0].job_id) == (1, keyed)
    row = tables.audit.c
    with client._engine.connect() as connection:
        who = sa.select(row.job_id).where(row.action == "retry", row.who == "jane")
        assert set(connection.execute(who).scalars()) == {parent, child}


def test_running_jobs_that_are_asked_to_stop_are_counted_apart(client, engine):
    """They aren't cancelled yet."""
    client.add_many("a", [{}] * 3)
    store.write(
        engine,
        lambda c: claim.claim(c, consumer=new_id(), queues=["default"], tasks=["a"], limit=1),
    )
    done = client.cancel_many(all=True)
    assert (done.changed, done.asked_to_stop) == (3, 1)


@only_on("postgresql", "mysql")
def test_what_others_have_locked_is_changed_at_the_end(
    client, hasty_engine, lock_newest, monkeypatch
):
    """Two changes at once, which meet the same jobs, fail neither."""
    monkeypatch.setattr(bulk, "PAGE_SIZE", 2)
    ids = client.add_many("a", [{}] * 5)
    locking = lock_newest()
    act = bulk.make_act(manage.set_priority, manage.set_priority_many, priority=7)
    done = bulk.change_all(hasty_engine, {}, act)
    assert [next(done).job_id for _ in ids[:-1]] == ids[-2::-1]
    locking.rollback()
    assert list(done) == [bulk.Done(ids[-1], State.READY)]


@only_on("postgresql")
def test_who_waits_for_a_lock_in_vain_learns_that_it_is_one(client, hasty_engine, lock_newest):
    """Of the one job; the others are changed."""
    ids = client.add_many("a", [{}] * 3)
    lock_newest()
    act = bulk.make_act(manage.set_priority, manage.set_priority_many, priority=7)
    done = bulk.sum_up(bulk.change_all(hasty_engine, {}, act))
    assert (done.changed, done.refused[0].job_id) == (2, ids[-1])
    assert "others have locked it for too long; try again" in done.refused[0].reason


def test_signed_jobs_that_run_again_are_signed_anew(client):
    """Their old signatures may be too old by now; a job without one gets none."""
    ids = client.add_many("a", [{}] * 3)
    client.cancel_many(all=True)
    past = tables.history.c
    signed = sa.update(tables.history).where(past.id != ids[0]).values(signature="old")
    store.write(client._engine, lambda connection: connection.execute(signed))
    act = bulk.make_act(manage.retry, manage.retry_many, renew=lambda job: job.signature and "new")
    assert bulk.sum_up(bulk.change_all(client._engine, {}, act)).changed == 3
    assert [client.get(each).signature for each in ids] == [None, "new", "new"]
