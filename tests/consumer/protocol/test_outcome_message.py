"""Outcomes in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.model.outcome import Cancelled, Failed, NotTried, Obstacle, Snoozed
from coserver_consumer.protocol.answer import understand
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE, hear, tell
from coserver_consumer.protocol.reply import Reply


def conclude(job, status: int, body: bytes):
    """Return what an answer in words means."""
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
def test_an_outcome_that_is_told_is_heard(make_job, outcome):
    """Whatever the status says to others."""
    assert conclude(make_job(), 503, tell(outcome).encode()) == outcome


@given(st.text(max_size=300), st.text(max_size=300), st.integers(min_value=250, max_value=600))
def test_a_failure_that_is_told_within_a_limit_is_heard(error, traceback, limit):
    """The end of its traceback and the beginning of its error are what tells most."""
    failure = Failed(error=error, traceback=traceback, wait=7.5)
    told = tell(failure, limit=limit)
    heard = hear(told.encode())
    assert len(told) <= limit
    assert error.startswith(heard.error)
    assert traceback.endswith(heard.traceback)
    assert (heard.retry, heard.wait) == (True, 7.5)


@pytest.mark.parametrize(
    "said",
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
def test_what_is_not_understood_is_a_failed_attempt(make_job, said):
    """It may have been cut on the way, but Zope didn't say that it completed the job."""
    assert hear(said) is None
    assert isinstance(conclude(make_job(), 200, said), Failed)
