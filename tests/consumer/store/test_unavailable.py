"""What a consumer can't do at the moment: it is written with its heartbeat, and isn't claimed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.diagnosis.why import explain
from coserver_consumer.model.unavailable import Unavailable
from coserver_consumer.store import claim
from coserver_consumer.store.schema import tables

AWAY = Unavailable(tasks=("t", "view"), queues=("default",), why="Zope can't run jobs: it is away.")


@pytest.fixture
def queue_of_all(queue):
    """A job of each of two tasks in each of two queues, with and without a concurrency key."""
    queue.add_queue("other")
    for name in ("default", "other"):
        for task in ("t", "u"):
            queue.put(queue=name, task=task)
    queue.put(limit="k")
    return queue


@pytest.fixture
def claimer(queue):
    """Return the id of a consumer that has a transaction of its own."""
    return queue.start()


def test_what_cannot_be_done_now_is_not_claimed(queue_of_all, claimer):
    """In its queue only; everything else is."""

    def work(connection):
        snapshot = claim.read_snapshot(connection, ["default", "other"])
        able = claim.Claimant(consumer=claimer, tasks=["t", "u"], unavailable=[AWAY])
        return claim.claim_from(connection, snapshot, able, claim.Cursors(), limit=9, idle=9)

    jobs = store.write(queue_of_all.engine, work)
    found = sorted((job.queue, job.task) for job in jobs)
    assert found == [("default", "u"), ("other", "t"), ("other", "u")]


def test_everybody_can_read_what_a_consumer_cannot_do(queue, claimer):
    """As long as it says so, and as it said it last."""
    queue.heartbeat(claimer, unavailable=[AWAY])
    [known] = queue.consumers()
    assert known.unavailable == (AWAY,)
    queue.heartbeat(claimer)
    [known] = queue.consumers()
    assert known.unavailable == ()


def test_a_job_that_nobody_can_run_now_says_why(queue, claimer):
    """Unless another consumer can."""
    job_id = queue.put()
    queue.heartbeat(claimer, unavailable=[AWAY])

    def why():
        return store.read(queue.engine, lambda connection: explain(connection, job_id))

    assert why() == "Zope can't run jobs: it is away."
    queue.start()
    assert why().startswith("It waits for its turn")


@pytest.mark.parametrize("said", [{"tasks": 1}, [1], [{"tasks": ["t"]}], "x", 7])
def test_what_others_write_there_harms_nobody(queue, claimer, said):
    """It is taken for nothing."""
    statement = sa.update(tables.consumer).values(unavailable=said)
    store.write(queue.engine, lambda connection: connection.execute(statement))
    [known] = queue.consumers()
    assert known.unavailable == ()
