"""How many jobs run at once, on each database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.errors import InvalidJob, UnknownLimit, UnknownQueue
from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import complete, fail, release
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.model.outcome import Failed
from coserver_consumer.store import claim
from coserver_consumer.store.schema import tables
from support.waiting import wait_for

HOUR = 3600.0  # seconds


def keys(jobs):
    """Return the concurrency keys of jobs."""
    return [job.concurrency_key for job in jobs]


def test_a_key_lets_one_run_unless_told_otherwise(queue):
    """The next one is there when the first has ended, whoever ended it."""
    first, second = queue.put(limit="feeds"), queue.put(limit="feeds")
    other = queue.put(limit="mail")
    taken = queue.take(9)
    assert {job.id for job in taken} == {first, other}
    assert queue.take(9) == []
    queue.end_attempts([complete(next(job for job in taken if job.id == first))])
    assert [job.id for job in queue.take(9)] == [second]


def test_every_ending_makes_room(queue):
    """Failed, given back, cancelled, rescued: nothing counts, so nothing is forgotten."""
    for _ in range(3):
        queue.put(limit="k", max_attempts=1)
    consumer = queue.start()
    [job] = queue.take(9, consumer=consumer)
    queue.end_attempts([release(job)])
    [job] = queue.take(9, consumer=consumer)
    queue.end_attempts([fail(job, Failed(error="x"))])
    [job] = queue.take(9, consumer=consumer)
    queue.rescue(dead_after=-1)
    [job] = queue.take(9)
    assert job.rescues == 1


def test_a_finishing_job_still_counts(queue):
    """Its effect is being committed: another one must not begin."""
    queue.put(limit="k"), queue.put(limit="k")
    [job] = queue.take(9)
    queue.vote(job.key, evidence={})
    assert queue.take(9) == []
    queue.complete_finishing(job.key, None)
    assert len(queue.take(9)) == 1


def test_the_limit_that_says_most_of_a_key_counts(queue):
    """The key itself, else the longest beginning, else every key."""
    queue.set_limit("tenant:*", 2)
    queue.set_limit("tenant:big:*", None)
    queue.set_limit("tenant:big:one", 1)
    for key in ("tenant:a", "tenant:big:x", "tenant:big:one", "other"):
        queue.add_many([NewJob(task="t", options=JobOptions(limit=key)) for _ in range(3)])
    taken = keys(queue.take(20))
    assert {key: taken.count(key) for key in taken} == {
        "tenant:a": 2,
        "tenant:big:x": 3,
        "tenant:big:one": 1,
        "other": 1,
    }
    queue.remove_limit("tenant:big:one")
    assert keys(queue.take(20)) == ["tenant:big:one"] * 2
    with pytest.raises(UnknownLimit, match="'feeds'"):
        queue.remove_limit("feeds")


def test_a_limit_of_nothing_stops_a_key(queue):
    """And every key can be freed at once."""
    queue.put(limit="k")
    queue.set_limit("k", 0)
    assert queue.take(9) == []
    queue.remove_limit("k")
    assert len(queue.take(9)) == 1


@pytest.mark.parametrize(("name", "number"), [("", 1), ("a*b", 1), ("x" * 200, 1), ("a", -1)])
def test_a_wrong_limit_is_refused(queue, name, number):
    """Nothing is written."""
    with pytest.raises(InvalidJob):
        queue.set_limit(name, number)
    assert [limit.name for limit in queue.limits()] == ["*"]


def test_the_key_with_the_fewest_running_jobs_is_served_first(queue):
    """A thousand jobs of one tenant don't delay the single one of another."""
    queue.set_limit("*", None)
    queue.add_many([NewJob(task="t", options=JobOptions(limit="big")) for _ in range(1000)])
    running = queue.take(4)
    assert keys(running) == ["big"] * 4
    small = queue.put(limit="small")
    queue.end_attempts([complete(running[0])])
    assert [job.id for job in queue.take(1)] == [small]


def test_jobs_without_a_key_are_one_more_tenant(queue):
    """They get half of the threads, and all if nobody else wants them."""
    queue.set_limit("*", None)
    queue.add_many([NewJob(task="t") for _ in range(10)])
    queue.add_many([NewJob(task="t", options=JobOptions(limit="a")) for _ in range(10)])
    assert keys(queue.take(4)).count("") == 2
    assert keys(queue.take(12)).count("") == 6
    assert len(queue.take(9)) == 4


def test_a_single_thread_is_shared_as_well(queue):
    """One after the other, from a claimer that remembers."""
    queue.set_limit("*", None)
    queue.add_many(
        [NewJob(task="t", options=JobOptions(limit=key)) for key in [None, "a"] for _ in range(4)]
    )
    cursors, taken = claim.Cursors(), []

    def claim_jobs(connection):
        snapshot = claim.read_snapshot(connection, ["default"])
        claimant = claim.Claimant(consumer=consumer, tasks=["t"])
        return claim.claim_from(connection, snapshot, claimant, cursors, limit=1, idle=1)

    consumer = queue.start()
    for _ in range(8):
        taken += keys(store.write(queue.engine, claim_jobs))
    assert taken in (["", "a"] * 4, ["a", ""] * 4)


def test_many_keys_are_all_served(queue):
    """More keys than one claim looks at: the next one goes on behind the last."""
    queue.add_many(
        [NewJob(task="t", options=JobOptions(limit=f"k{number:03}")) for number in range(200)]
    )
    taken = []
    while more := queue.take(50):
        taken += more
    assert len(set(keys(taken))) == 200


def test_keys_without_room_stand_in_nobodys_way(queue):
    """However many there are before the one that has room."""
    queue.set_limit("full*", 0)
    queue.add_many(
        [NewJob(task="t", options=JobOptions(limit=f"full{number:03}")) for number in range(200)]
    )
    job_id = queue.put(limit="room")
    assert [job.id for job in queue.take(2)] == [job_id]


@pytest.mark.parametrize(("before", "after"), [("B", "a"), ("a", "B"), ("a-b", "ab"), ("é", "f")])
def test_keys_are_served_in_any_order(queue, before, after):
    """Databases sort them as they like."""
    cursors, consumer = claim.Cursors(), queue.start()

    def claim_jobs(connection):
        snapshot = claim.read_snapshot(connection, ["default"])
        claimant = claim.Claimant(consumer=consumer, tasks=["t"])
        return claim.claim_from(connection, snapshot, claimant, cursors, limit=1, idle=1)

    for key in (before, after):
        queue.put(limit=key)
        assert keys(store.write(queue.engine, claim_jobs)) == [key]


def test_jobs_with_a_key_are_not_taken_ahead(queue):
    """One that waits in a consumer would keep its key from others."""
    queue.set_limit("*", None)
    queue.add_many([NewJob(task="t", options=JobOptions(limit="a")) for _ in range(9)])

    def claim_jobs(connection):
        snapshot = claim.read_snapshot(connection, ["default"])
        claimant = claim.Claimant(consumer=queue_id, tasks=["t"])
        return claim.claim_from(connection, snapshot, claimant, claim.Cursors(), limit=9, idle=2)

    queue_id = queue.start()
    assert len(store.write(queue.engine, claim_jobs)) == 2


def test_a_queue_runs_so_many_at_once(queue):
    """Over all consumers; with and without keys."""
    queue.set_max_running("default", 3)
    queue.add_many(
        [
            NewJob(task="t", options=JobOptions(limit=key))
            for key in [None, "a", "b"]
            for _ in range(3)
        ]
    )
    first = queue.take(9)
    assert len(first) == 3
    assert queue.take(9) == []
    queue.end_attempts([complete(first[0])])
    assert len(queue.take(9)) == 1
    queue.set_max_running("default", None)
    assert len(queue.take(9)) > 1


def test_a_rate_lets_so_many_begin_in_a_period(queue):
    """It doesn't matter when they end."""
    queue.set_rate("default", 3, HOUR)
    queue.add_many([NewJob(task="t") for _ in range(7)])
    queue.end_attempts([complete(job) for job in queue.take(2)])
    assert len(queue.take(9)) == 1
    assert queue.take(9) == []
    date_starts_back(queue.engine, HOUR / 2)
    assert queue.take(9) == []
    date_starts_back(queue.engine, HOUR / 2)
    assert len(queue.take(9)) == 3
    assert queue.take(9) == []


def date_starts_back(engine, seconds):
    """Have all jobs begun so much earlier."""
    at = tables.start.c.at - round(seconds * store.SECOND)
    with engine.begin() as connection:
        connection.execute(sa.update(tables.start).values(at=at))


def test_a_paused_queue_hands_nothing_out(queue):
    """Jobs can be added, what runs goes on, and somebody is noted."""
    queue.put()
    [running] = queue.take()
    queue.put()
    queue.pause("default", by="ann")
    assert queue.take(9) == []
    assert set(queue.end_attempts([complete(running)])) == {running.key}
    queue.pause("default", paused=False)
    assert len(queue.take(9)) == 1


def test_rules_of_a_queue_that_is_not_known_are_refused(queue):
    """A typing error must not look as if it had worked."""
    for change in (queue.pause, lambda name: queue.set_max_running(name, 1)):
        with pytest.raises(UnknownQueue, match="'defualt'; known are: default"):
            change("defualt")
    with pytest.raises(InvalidJob):
        queue.set_rate("default", 0, 1)
    with pytest.raises(InvalidJob):
        queue.set_max_running("default", -1)


def test_an_urgent_job_before_the_watermark_is_seen(queue):
    """The watermark of a busy claimer expires now and then."""
    queue.add_many([NewJob(task="t") for _ in range(50)])
    cursors, consumer = claim.Cursors(), queue.start()

    def claim_jobs(connection):
        snapshot = claim.read_snapshot(connection, ["default"])
        claimant = claim.Claimant(consumer=consumer, tasks=["t"])
        return claim.claim_from(connection, snapshot, claimant, cursors, limit=1, idle=1)

    store.write(queue.engine, claim_jobs)
    urgent = queue.put(priority=100)
    assert store.write(queue.engine, claim_jobs)[0].id != urgent
    wait_for(lambda: store.write(queue.engine, claim_jobs)[0].id == urgent, what="the urgent job")


def test_an_idle_snapshot_says_what_there_is(queue):
    """In one statement: ready, with a key, due, and what the queue's rules are."""

    def read():
        return queue.read_snapshot(["default", "unknown"])

    assert not read().has_work
    queue.put(delay=0.2)
    assert not read().is_due
    wait_for(lambda: read().is_due, what="the job to be due")
    queue.make_due_ready()
    assert read().has_work
    assert [each.has_keyless for each in read().queues] == [True, False]
    queue.pause("default")
    assert not read().has_work
    assert queue.get(queue.put(limit="k")).state is State.READY
    assert read().queues[0].has_keyed
