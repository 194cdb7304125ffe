"""Where a waiting job stands: its priority and its queue."""

from __future__ import annotations

from threading import Thread

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.errors import InvalidJob, JobNotFound, UnknownQueue, WrongState
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import complete
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.protocol import signing
from coserver_consumer.protocol.proof import make_transfer
from coserver_consumer.store import claim, manage
from coserver_consumer.store.schema import tables
from support.locks import is_anybody_waiting
from support.waiting import PATIENCE, wait_for

SECRET = "only for tests: 0123456789abcdef0123456789abcdef"


def find_audit(queue):
    """Return what was done, by whom, and to which queue."""
    row = tables.audit.c
    with queue.engine.connect() as connection:
        found = connection.execute(sa.select(row.action, row.who, row.queue).order_by(row.id))
        return [tuple(each) for each in found]


def test_a_waiting_job_is_given_another_priority(queue):
    """Whatever it waits for; consumers take it by its new rank, and the audit knows by whom."""
    first, last = queue.put(), queue.put()
    due, blocked = queue.put(delay=3600), queue.put(after=[first])
    states = {queue.set_priority(each, 5, by="jane") for each in (last, due, blocked)}
    assert states == {State.READY, State.SCHEDULED, State.BLOCKED}
    assert {queue.get(each).priority for each in (last, due, blocked)} == {5}
    assert [job.id for job in queue.take(2)] == [last, first]
    assert find_audit(queue) == [("set_priority", "jane", None)] * 3


def test_a_waiting_job_is_moved_to_another_queue(queue):
    """And is taken from there only; the audit knows where it went."""
    queue.add_queue("slow")
    ready, due = queue.put(), queue.put(delay=3600)
    assert queue.move(ready, "slow", by="jane") is State.READY
    assert queue.move(due, "slow") is State.SCHEDULED
    assert (queue.get(due).queue, queue.take()) == ("slow", [])
    assert [job.id for job in queue.take(2, queues=["slow"])] == [ready]
    assert find_audit(queue) == [("move", "jane", "slow"), ("move", None, "slow")]


def test_only_a_job_that_waits_is_moved_or_given_a_priority(queue):
    """The error says what it is; nothing is changed."""
    queue.put()
    (running,) = queue.take()
    queue.put()
    (ended,) = queue.take()
    queue.end_attempts([complete(ended)])
    staged = NewJob(task="t")
    queue.stage([staged], batch=new_id(), evidence={})
    for job_id, state in ((running.id, "running"), (ended.id, "completed"), (staged.id, "staged")):
        for change, value in ((queue.set_priority, 5), (queue.move, "default")):
            with pytest.raises(WrongState, match=f"{job_id} is {state}; only while a job waits"):
                change(job_id, value)
        assert queue.get(job_id).priority == 0
    assert find_audit(queue) == []


def test_what_is_wrong_is_refused_before_anything_is_changed(queue):
    """A queue that nobody knows, a number that is none, a job that isn't there."""
    job_id = queue.put()
    with pytest.raises(UnknownQueue, match="No queue is called 'slwo'; known are: default"):
        queue.move(job_id, "slwo")
    for number in ("5", True, None, 1.5, 1_000_001):
        with pytest.raises(InvalidJob, match="priority is"):
            queue.set_priority(job_id, number)
    for change, value in ((queue.set_priority, 5), (queue.move, "default")):
        with pytest.raises(JobNotFound, match="nonsense"):
            change("nonsense", value)
    assert (queue.get(job_id).priority, queue.get(job_id).queue) == (0, "default")


def test_a_job_that_a_consumer_is_just_taking_is_not_moved(queue):
    """The change waits for the claim's commit, and then sees that the job runs."""
    queue.add_queue("slow")
    job_id, said = queue.put(), []

    def move():
        try:
            said.append(queue.move(job_id, "slow"))
        except WrongState as error:
            said.append(str(error))

    with queue.engine.begin() as connection:
        claimed = claim.claim(
            connection, consumer=new_id(), queues=["default"], tasks=["t"], limit=1
        )
        thread = Thread(target=move)
        thread.start()
        if queue.engine.dialect.name != "sqlite":  # whose writers wait before they begin
            wait_for(lambda: is_anybody_waiting(queue.engine), what="the move to wait")
    thread.join(PATIENCE)
    assert [job.id for job in claimed] == [job_id]
    assert "is running; only while a job waits" in said[0]
    assert queue.get(job_id).queue == "default"


def test_a_signed_job_is_moved_by_who_knows_the_secret_only(queue):
    """Its signature covers the queue; it keeps the time it was due and its attempts."""
    queue.add_queue("slow")
    signed = signing.sign(NewJob(task="t", owner="jane"), SECRET, now=1)
    queue.add(signed)
    with pytest.raises(WrongState, match="is signed for its queue 'default'"):
        queue.move(signed.id, "slow")
    queue.move(signed.id, "slow", sign=make_transfer(lambda: SECRET))
    moved = queue.get(signed.id)
    assert moved.queue == "slow"
    signing.verify(moved, SECRET, now=1)
    assert moved.signature.split(":")[:3] == signed.signature.split(":")[:3]


def test_the_many_of_a_filter_are_found_by_their_ids_alone(queue):
    """In the order of ``find``, live and ended."""
    ended, ready = queue.put(payload=b"x"), queue.put()
    queue.cancel(ended)
    assert queue.find_ids(limit=9) == [ready, ended]
    assert queue.find_ids(limit=1) == [ready]
    assert queue.find_ids(limit=9, states=[State.CANCELLED]) == [ended]
    found = store.read(queue.engine, lambda connection: manage.find_ended(connection, [ended]))
    assert found == {ended: queue.get(ended)}
