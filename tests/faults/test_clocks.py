"""Machines whose clocks are an hour behind or ahead of the databases'."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.store import finish
from faults.clocked import child_at
from faults.consumer import consume, counting
from faults.dooms import Doom, Frozen
from faults.ordeal import Ordeal, part
from faults.producer import produce
from faults.tally import count_consumed, count_produced
from support.databases import DATABASES
from support.waiting import wait_for

pytestmark = pytest.mark.skipif(
    "postgresql" not in DATABASES, reason="SQLite has no clock but that of who asks"
)
HOUR = 3600
OFFSETS = pytest.mark.parametrize("offset", [-HOUR, HOUR], ids=["behind", "ahead"])


@pytest.fixture
def ordeal(zeo_server, open_queue, tmp_path) -> Ordeal:
    """A queue on a server with a clock of its own."""
    return Ordeal(
        name="clocks",
        storage=zeo_server[1],
        engine=open_queue("postgresql"),
        directory=tmp_path,
        kinds="plain",
    )


def test_a_job_counts_once_whatever_time_it_is(ordeal, accept):
    """Two consumers, two hours apart, and their Zopes; nobody takes the other for dead."""
    ordeal.add([counting(children=1) for _ in range(part(40))])
    orders = ordeal.orders(Doom())
    with ordeal.kept(), child_at(-HOUR, consume, orders), child_at(HOUR, consume, orders):
        ordeal.wait_ended()
    assert (
        accept(replace(count_consumed(ordeal, 0), name="two clocks, two hours apart")).faults == 0
    )


@OFFSETS
def test_a_staged_job_is_as_old_as_the_database_says(ordeal, offset):
    """A request on a machine with another time isn't asked about before its time, nor after."""
    doom = Frozen(step="before ZODB tpc_finish")
    with child_at(offset, produce, ordeal.orders(doom)):
        wait_for(lambda: ages(ordeal), what="a staged job", within=60)
        [age] = ages(ordeal)
        assert 0 <= age < 1800


@OFFSETS
def test_a_job_comes_with_its_object_whatever_time_it_is(ordeal, offset, accept):
    """Requests on such a machine; the resolver asks about them at once, all the time."""
    orders = replace(ordeal.orders(Doom()), limit=part(10))
    with ordeal.kept(), child_at(offset, produce, orders) as child:
        assert child.wait(120) == 0
        ordeal.wait_resolved()
    tally = count_produced(ordeal, 0)
    assert accept(replace(tally, name=f"producers, their clock {offset:+} s")).faults == 0


def ages(ordeal: Ordeal) -> list[float]:
    """Return for how many seconds the open questions have been open."""

    def find(connection: Connection) -> list[float]:
        return [question.age for question in finish.find_in_doubt(connection, older_than=-1)]

    return store.read(ordeal.engine, find)
