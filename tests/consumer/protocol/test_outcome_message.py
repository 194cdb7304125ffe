"""Outcomes as messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.model.outcome import Cancelled, Failed, NotTried, Obstacle, Snoozed
from coserver_consumer.protocol.answer import understand
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, dump_outcome, load_outcome
from coserver_consumer.protocol.reply import Reply


def conclude(job, status: int, body: bytes):
    """Return what an answer with this message means."""
    reply = Reply(status=status, headers={"content-type": MEDIA_TYPE}, body=body)
    return understand(job, reply)


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
def test_an_outcome_comes_out_of_its_message_as_it_went_in(make_job, outcome):
    """Whatever the status says to others."""
    assert conclude(make_job(), 503, dump_outcome(outcome).encode()) == outcome


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
def test_a_message_that_cannot_be_read_is_a_failed_attempt(make_job, message):
    """It may have been cut on the way, but Zope didn't say that it completed the job."""
    assert load_outcome(message) is None
    assert isinstance(conclude(make_job(), 200, message), Failed)
