"""The teller: each event is told at least once, and nothing that goes wrong is told for ever."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.errors import ZopeUnavailable
from coserver_consumer.maintenance.teller import MAX_TRIES, Teller
from coserver_consumer.model.job import new_id
from coserver_consumer.model.told_event import EventReport
from coserver_consumer.runtime.database import Database
from coserver_consumer.store.schema import tables
from coserver_consumer.zope.service import ZopeBusy


@pytest.fixture
def end(engine: Engine) -> Callable[..., int]:
    """Write an event; return its id."""

    def end(**values: Any) -> int:
        row = {"job_id": new_id(), "queue": "default", "state": "failed", **values}
        with engine.begin() as connection:
            connection.execute(sa.insert(tables.event).values(**row))
            query = sa.select(tables.event.c.id).where(tables.event.c.job_id == row["job_id"])
            return connection.execute(query).scalar_one()

    return end


@pytest.fixture
def left(engine: Engine) -> Callable[[], dict[int, int]]:
    """Return the tries of the events that aren't told yet, by their ids."""
    query = sa.select(tables.event.c.id, tables.event.c.tries)
    return lambda: dict(store.read(engine, lambda c: [tuple(row) for row in c.execute(query)]))


def hurry(engine: Engine) -> None:
    """Have all events be due."""
    with engine.begin() as connection:
        connection.execute(sa.update(tables.event).values(due_at=1))


class Zope:
    """What has events told; ``answer`` makes the report, or raises."""

    def __init__(self, answer: Callable[[Sequence[int]], EventReport]) -> None:
        self.answer = answer
        self.asked: list[list[int]] = []

    def __call__(self, event_ids: Sequence[int]) -> EventReport:
        """Note what was asked, and answer."""
        self.asked.append(list(event_ids))
        return self.answer(event_ids)


@pytest.fixture
def make_teller(engine: Engine) -> Callable[[Zope], Teller]:
    """Make the teller of a queue, which this Zope tells."""
    return lambda zope: Teller(Database(engine), [(["default"], zope)], lease=600)


def test_what_was_told_is_told_no_more(engine, end, left, make_teller):
    """What Zope had no time for is told next; other queues' events are others'."""
    first, second, foreign = end(), end(), end(queue="other")
    zope = Zope(lambda ids: EventReport(told=tuple(ids[:1])))
    teller = make_teller(zope)
    assert [teller.tick(), teller.tick(), teller.tick()] == [0.0, 0.0, None]
    assert zope.asked == [[first, second], [second]]
    assert left() == {foreign: 0}


def test_a_subscriber_that_fails_is_given_up_in_the_end(engine, end, left, make_teller, caplog):
    """After so many tries, each later than the one before; a line in the log names the job."""
    bad, job_id = None, new_id()
    bad = end(job_id=job_id)
    zope = Zope(lambda ids: EventReport(failed=(bad,), told=tuple({*ids} - {bad})))
    teller = make_teller(zope)
    good = end()
    assert teller.tick() == 0.0
    assert (left(), teller.tick()) == ({bad: 1}, None)
    for number in range(2, MAX_TRIES):
        hurry(engine)
        teller.tick()
        assert left() == {bad: number}
    hurry(engine)
    with caplog.at_level(logging.ERROR, "coserver"):
        teller.tick()
    assert left() == {}
    assert zope.asked[0] == [bad, good]
    assert f"job {job_id} is failed couldn't be told in {MAX_TRIES} tries" in caplog.text


def test_zope_s_absence_costs_no_try_and_makes_no_noise(engine, end, left, make_teller, caplog):
    """However long it lasts; then all is told."""
    first, second = end(), end()
    away = [True]

    def answer(ids: Sequence[int]) -> EventReport:
        if away:
            raise ZopeUnavailable("nobody listens there")
        return EventReport(told=tuple(ids))

    teller = make_teller(Zope(answer))
    with caplog.at_level(logging.INFO, "coserver"):
        for _ in range(MAX_TRIES + 1):
            assert teller.tick() is None
    assert (left(), caplog.text) == ({first: 0, second: 0}, "")
    away.clear()
    teller.tick()
    assert left() == {}


def test_a_subscriber_that_hangs_is_found_out(engine, end, left, make_teller):
    """Those that were to be told with it are told by themselves."""
    bad, good = end(), end()

    def answer(ids: Sequence[int]) -> EventReport:
        if bad in ids:
            raise ZopeBusy("no answer within 30 s")
        return EventReport(told=tuple(ids))

    teller = make_teller(Zope(answer))
    teller.tick()
    assert left() == {bad: 1, good: 1}
    for _ in range(2):
        hurry(engine)
        teller.tick()
        teller.tick()
    assert left().keys() == {bad}
