"""Outcomes as messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.model.outcome import Cancelled, Failed, NotTried, Obstacle, Snoozed
from coserver_consumer.protocol.outcome_message import dump_outcome, load_outcome


@pytest.mark.parametrize(
    "outcome",
    [
        Failed(error="no wind", traceback="Traceback", retry=False),
        Failed(error="no wind", wait=7.5),
        Snoozed(delay=60),
        Cancelled(reason="nothing to do"),
        NotTried(obstacle=Obstacle.CLOCK, reason="an hour behind", delay=2),
    ],
)
def test_an_outcome_comes_out_of_its_message_as_it_went_in(outcome):
    """Whichever it is."""
    assert load_outcome(dump_outcome(outcome).encode()) == outcome


@given(st.text(max_size=300), st.text(max_size=300), st.integers(min_value=250, max_value=600))
def test_a_failure_is_cut_to_its_limit(error, traceback, limit):
    """The end of its traceback and the beginning of its error are what tells most."""
    failure = Failed(error=error, traceback=traceback, wait=7.5)
    message = dump_outcome(failure, limit=limit)
    loaded = load_outcome(message.encode())
    assert len(message) <= limit
    assert error.startswith(loaded.error)
    assert traceback.endswith(loaded.traceback)
    assert (loaded.retry, loaded.wait) == (True, 7.5)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{",
        b"[]",
        b'{"outcome": "released"}',
        b'{"outcome": "snoozed"}',
        b'{"outcome": "not_tried", "reason": "x"}',
        b'{"outcome": "not_tried", "reason": "x", "obstacle": "a wall"}',
        b'{"outcome": "snoozed", "delay": -1}',
        b'{"outcome": "snoozed", "delay": NaN}',
        b'{"outcome": "snoozed", "delay": "60"}',
        b'{"outcome": "failed", "error": "x", "more": 1}',
        b'{"outcome": "failed", "error": "x", "wait": -1}',
        b'{"outcome": "failed", "error": "x", "wait": "60"}',
        b'{"outcome": "failed", "error": "x", "retry_after": Infinity}',
    ],
)
def test_a_message_that_is_none_is_not_read(message):
    """It may have been cut on the way."""
    assert load_outcome(message) is None
