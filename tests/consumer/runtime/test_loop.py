"""The loops of a consumer."""

from __future__ import annotations

import time
from itertools import pairwise
from threading import Event

import pytest

from coserver_consumer.errors import StoreUnavailable
from coserver_consumer.runtime.loop import JITTER, Loop
from support.waiting import wait_for


@pytest.fixture
def start():
    """Start a loop that is stopped in the end."""
    loops = []

    def run(tick, *, every=60.0):
        loop = Loop("test", every=every, tick=tick)
        loops.append(loop)
        loop.start()
        return loop

    yield run
    for loop in loops:
        loop.stop()
        loop.join(5)


def test_the_first_tick_comes_at_once(start):
    """A rescuer that is started has work to do now."""
    ticked = Event()
    start(ticked.set)
    assert ticked.wait(5)


def test_a_loop_can_be_woken(start):
    """Its pause is over then."""
    ticks = []
    loop = start(lambda: ticks.append(1))
    for number in (1, 2, 3):
        wait_for(lambda number=number: len(ticks) == number, what=f"{number} ticks")
        loop.wake()


def test_a_tick_may_choose_the_pause(start):
    """A pruner goes on at once while there is more to remove."""
    ticks = []

    def tick():
        ticks.append(1)
        return 0.0 if len(ticks) < 100 else None

    start(tick)
    wait_for(lambda: len(ticks) == 100, what="100 ticks", within=5)


def test_a_stopped_loop_ticks_no_more(start):
    """Also if it is woken afterwards."""
    ticks = []
    loop = start(lambda: ticks.append(1), every=0.001)
    wait_for(lambda: len(ticks) > 3, what="ticks")
    loop.stop()
    loop.join(5)
    before = len(ticks)
    loop.wake()
    time.sleep(0.02)
    assert len(ticks) == before


def test_an_error_does_not_end_a_loop(start, caplog):
    """It is logged, and the next tick comes."""
    ticks = []

    def tick():
        ticks.append(1)
        raise ValueError("the sea is too wide")

    start(tick, every=0.001)
    wait_for(lambda: len(ticks) > 3, what="ticks after an error")
    assert "Loop test: the sea is too wide" in caplog.text


def test_a_loop_that_fails_again_and_again_slows_down(start):
    """Its log would fill the disk otherwise."""
    times = []

    def tick():
        times.append(time.monotonic())
        raise ValueError

    start(tick, every=0.01)
    wait_for(lambda: len(times) == 5, what="5 ticks")
    pauses = [after - before for before, after in pairwise(times)]
    assert all(
        pause >= 0.01 * 2**failures * (1 - JITTER) for failures, pause in enumerate(pauses, start=1)
    )


def test_a_loop_that_fails_for_days_goes_on(start):
    """The pauses double up to a bound; what they are reckoned from has to have one, too."""
    ticks = []

    def tick():
        ticks.append(1)
        loop.wake()
        raise ValueError

    loop = Loop("test", every=60.0, tick=tick)
    loop.start()
    wait_for(lambda: len(ticks) > 1100, what="more failures than 2.0 has powers", within=30)
    loop.stop()
    loop.join(5)


@pytest.mark.parametrize("pause", [1e10, 1e300, float("inf")])
def test_a_pause_that_no_lock_can_wait_ends_no_loop(start, pause):
    """A loop with such a pause waits long, and can be woken."""
    ticks = []

    def tick():
        ticks.append(1)
        return pause

    loop = start(tick, every=pause)
    wait_for(lambda: ticks, what="a tick")
    time.sleep(0.05)
    loop.wake()
    wait_for(lambda: len(ticks) == 2, what="the tick after it was woken", within=5)


def test_an_outage_is_not_logged_by_the_loop(start, caplog):
    """Its database does so, once for all loops."""
    ticks = []

    def tick():
        ticks.append(1)
        raise StoreUnavailable("away")

    start(tick, every=0.001)
    wait_for(lambda: len(ticks) > 3, what="ticks during an outage")
    assert not caplog.records
