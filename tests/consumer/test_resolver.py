"""The resolver's rounds on a real database; what the ZODB would say is given."""

from __future__ import annotations

import logging

import pytest

from coserver_consumer import store
from coserver_consumer.database import Database
from coserver_consumer.errors import EvidenceUnavailable
from coserver_consumer.job import NewJob, State, new_id
from coserver_consumer.resolver import Resolver
from coserver_consumer.verdict import Finding, Verdict


@pytest.fixture
def batch(engine) -> str:
    """A staged batch of one job."""
    batch = new_id()
    job = NewJob(task="t")
    store.write(engine, lambda c: store.stage(c, [job], batch=batch, evidence={"base_tid": 1}))
    return batch


class Zodb:
    """Answers every question with one finding, or not at all; counts the calls."""

    def __init__(self, finding: Finding | None) -> None:
        self.finding = finding
        self.calls = 0

    def ask(self, questions):
        self.calls += 1
        if self.finding is None:
            raise EvidenceUnavailable("Zope doesn't answer.")
        return [
            Verdict(mark=question.mark, value=question.value, finding=self.finding, tid=5)
            for question in questions
        ]


def make_resolver(engine, zodb: Zodb, *, patience: float = -1) -> Resolver:
    """Return a resolver that asks about everything at once."""
    return Resolver(Database(engine), zodb.ask, patience=patience, wake=lambda: None)


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        (Finding.COMMITTED, State.READY),
        (Finding.ABSENT, State.DROPPED),
        (Finding.LOST, State.UNKNOWN),
    ],
)
def test_a_batch_becomes_what_the_zodb_says(engine, batch, finding, state):
    """Ready, dropped, or left to an operator; never a guess."""
    make_resolver(engine, Zodb(finding)).tick()
    assert store.read(engine, store.counts) == {"default": {state: 1}}


def test_what_is_young_is_left_to_its_producer(engine, batch):
    """Most batches are staged for a millisecond."""
    zodb = Zodb(Finding.ABSENT)
    make_resolver(engine, zodb, patience=60).tick()
    assert store.read(engine, store.counts) == {"default": {State.STAGED: 1}}


def test_an_idle_round_asks_nobody(engine):
    """After its first call to Zope, which tends the evidence, there is one SELECT a round."""
    zodb = Zodb(Finding.ABSENT)
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
    zodb.finding = Finding.COMMITTED
    resolver.tick()
    assert store.read(engine, store.counts) == {"default": {State.READY: 1}}


def test_a_dropped_batch_is_looked_at_again(engine, batch):
    """Somebody was very slow: at the next second look its transaction is there."""
    make_resolver(engine, Zodb(Finding.ABSENT)).tick()
    make_resolver(engine, Zodb(Finding.COMMITTED)).tick()
    assert store.read(engine, store.counts) == {"default": {State.READY: 1}}
