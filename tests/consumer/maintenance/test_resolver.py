"""The resolver on a real database; what the ZODB would say is given."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.errors import EvidenceUnavailable
from coserver_consumer.maintenance.resolver import Resolver
from coserver_consumer.model.indoubt import Decision, Fate, Mark, Question
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.runtime.database import Database
from coserver_consumer.store import enqueue, finish, manage
from coserver_consumer.store.schema import tables


@pytest.fixture
def batch(engine) -> str:
    """A staged batch of one job."""
    batch = new_id()
    job = NewJob(task="t")
    store.write(engine, lambda c: enqueue.stage(c, [job], batch=batch, evidence={"base_tid": 1}))
    return batch


def stage(engine, *, batch: str, evidence: Any, age: int = 0) -> str:
    """Stage a job that some program has written, so many seconds ago; return its id."""
    job = NewJob(task="t")
    store.write(engine, lambda c: enqueue.stage(c, [job], batch=new_id(), evidence={}))
    row = sa.update(tables.job).where(tables.job.c.id == job.id)
    made = tables.job.c.created_at - age * store.SECOND
    with engine.begin() as connection:
        connection.execute(row.values(batch=batch, evidence=evidence, created_at=made))
    return job.id


def get(engine, job_id: str):
    """Return a job."""
    return store.read(engine, lambda connection: manage.get(connection, job_id))


class Zodb:
    """Answers every question with one fate, or not at all; counts the calls."""

    def __init__(self, fate: Fate | None) -> None:
        self.fate = fate
        self.calls = 0

    def ask(self, questions):
        self.calls += 1
        if self.fate is None:
            raise EvidenceUnavailable("Zope doesn't answer.")
        return [
            Decision(mark=question.mark, value=question.value, fate=self.fate, tid=5)
            for question in questions
        ]


def make_resolver(engine, zodb: Zodb, *, older_than: float = -1) -> Resolver:
    """Return a resolver that asks about everything at once."""
    return Resolver(Database(engine), zodb.ask, older_than=older_than, wake=lambda: None)


@pytest.mark.parametrize(
    ("fate", "state"),
    [
        (Fate.COMMITTED, State.READY),
        (Fate.ABORTED, State.DROPPED),
        (Fate.PACKED, State.UNKNOWN),
    ],
)
def test_a_batch_becomes_what_the_zodb_says(engine, batch, fate, state, caplog):
    """Ready, dropped, or left to an operator; never a guess, neither of what befell its process."""
    make_resolver(engine, Zodb(fate)).tick()
    assert store.read(engine, manage.counts) == {"default": {state: 1}}
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"Batch {batch} was in doubt; the ZODB says: {fate}")


def test_what_is_young_is_left_to_its_producer(engine, batch):
    """Most batches are staged for a millisecond."""
    zodb = Zodb(Fate.ABORTED)
    make_resolver(engine, zodb, older_than=60).tick()
    assert store.read(engine, manage.counts) == {"default": {State.STAGED: 1}}


def test_an_idle_round_asks_nobody(engine):
    """After its first call to Zope, which tends the evidence, there is one SELECT a tick."""
    zodb = Zodb(Fate.ABORTED)
    resolver = make_resolver(engine, zodb)
    for _ in range(3):
        resolver.tick()
    assert zodb.calls == 1


def test_without_zope_nothing_is_decided_and_it_is_said_once(engine, batch, caplog):
    """The question stays open until Zope is back."""
    caplog.set_level(logging.INFO, "coserver")
    zodb = Zodb(None)
    resolver = make_resolver(engine, zodb)
    resolver.tick()
    resolver.tick()
    assert [record.message for record in caplog.records] == ["Zope doesn't answer."]
    zodb.fate = Fate.COMMITTED
    resolver.tick()
    assert store.read(engine, manage.counts) == {"default": {State.READY: 1}}


def test_a_dropped_batch_is_looked_at_again(engine, batch):
    """Somebody was very slow: at the next second look its transaction is there."""
    make_resolver(engine, Zodb(Fate.ABORTED)).tick()
    make_resolver(engine, Zodb(Fate.COMMITTED)).tick()
    assert store.read(engine, manage.counts) == {"default": {State.READY: 1}}


def test_an_answer_to_what_nobody_has_asked_changes_nothing(engine, batch):
    """What Zope says is somebody else's text."""

    def ask(questions):
        odd = [Decision(mark=mark, value="\0", fate=Fate.ABORTED) for mark in Mark]
        return odd + Zodb(Fate.COMMITTED).ask(questions)

    Resolver(Database(engine), ask, older_than=-1, wake=lambda: None).tick()
    assert store.read(engine, manage.counts) == {"default": {State.READY: 1}}


def test_a_decision_that_cannot_be_written_keeps_no_other_back(engine, batch, caplog):
    """No transaction has such a number."""
    odd = stage(engine, batch=new_id(), evidence={"database": "main", "base_tid": 1}, age=60)

    def ask(questions):
        decisions = Zodb(Fate.COMMITTED).ask(questions)
        return [replace(said, tid=2**70 if said.value != batch else 5) for said in decisions]

    Resolver(Database(engine), ask, older_than=-1, wake=lambda: None).tick()
    assert get(engine, odd).state is State.STAGED
    assert store.read(engine, manage.counts)["default"][State.READY] == 1
    assert "which can't be written" in caplog.text


def test_an_answer_that_is_out_of_date_is_no_reason_to_give_up(engine):
    """A restore was noticed while Zope was asked: the evidence was moved to what is still there."""
    evidence = {"database": "main", "base_tid": 50}
    job_id = stage(engine, batch=new_id(), evidence=evidence)

    def ask(questions):
        store.write(engine, lambda c: finish.rebase(c, "main", lambda tid: False, base=40))
        return Zodb(Fate.PACKED).ask(questions)

    resolver = Resolver(Database(engine), ask, older_than=-1, wake=lambda: None)
    resolver.tick()
    assert get(engine, job_id).state is State.STAGED
    resolver.tick()
    assert get(engine, job_id).state is State.UNKNOWN


DAY = 86_400
ODD = ["text", 7, [], {}, {"database": "other", "base_tid": -1}, {"database": "x" * 10_000}]


@pytest.mark.parametrize("evidence", ODD, ids=lambda said: str(said)[:40])
def test_what_no_zope_can_answer_becomes_unknown_after_a_day(engine, evidence):
    """Another Zope may have its database until then; nothing is asked for ever."""
    young, old = stage(engine, batch=new_id(), evidence=evidence), new_id()
    old = stage(engine, batch=old, evidence=evidence, age=DAY + 60)

    Resolver(Database(engine), lambda _: [], older_than=-1, wake=lambda: None).tick()
    assert [get(engine, young).state, get(engine, old).state] == [State.STAGED, State.UNKNOWN]
    assert "its row names no ZODB" in get(engine, old).error


def test_zope_is_told_no_more_than_where_to_look(engine):
    """A row may hold megabytes."""
    evidence = {"database": "main", "base_tid": 1, "more": "x" * 10_000, "marker": ["x" * 10_000]}
    stage(engine, batch=new_id(), evidence=evidence)
    (question,) = store.read(engine, lambda c: finish.find_in_doubt(c, older_than=-1))
    assert question.evidence == {"database": "main", "base_tid": 1}


def test_what_stays_open_stands_in_nobodys_way(engine):
    """More questions than a page has: those behind it come in the next one."""
    batches = [new_id() for _ in range(5)]
    for batch in batches:
        stage(engine, batch=batch, evidence={})
    found: list[Question] = []

    def find(connection: Connection) -> list[Question]:
        behind = found[-1] if found else None
        return finish.find_in_doubt(connection, older_than=-1, behind=behind, limit=2)

    while portion := store.read(engine, find):
        found += portion
    assert [question.value for question in found] == batches
