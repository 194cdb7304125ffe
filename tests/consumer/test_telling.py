"""Outcomes in words."""

from __future__ import annotations

import pytest

from coserver_consumer.outcome import Cancelled, Completed, Failed, Snoozed
from coserver_consumer.reply import Reply, conclude_zope
from coserver_consumer.telling import MEDIA_TYPE, hear, tell


def conclude(status: int, body: bytes):
    """Return what an answer in words means."""
    reply = Reply(status=status, headers={"content-type": MEDIA_TYPE}, body=body)
    return conclude_zope(reply, request="POST /a", hosts=frozenset(), limit=1000)


@pytest.mark.parametrize(
    "outcome",
    [
        Completed(result={"$": "set", "value": []}),
        Failed(error="no wind", traceback="Traceback", retry=False),
        Failed(error="no wind", wait=7.5),
        Snoozed(delay=60),
        Cancelled(reason="nothing to do"),
    ],
)
def test_an_outcome_that_is_told_is_heard(outcome):
    """Whatever the status says to others."""
    assert conclude(503, tell(outcome).encode()) == outcome


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"[]",
        b'{"outcome": "released"}',
        b'{"outcome": "snoozed"}',
        b'{"outcome": "snoozed", "delay": -1}',
        b'{"outcome": "snoozed", "delay": NaN}',
        b'{"outcome": "snoozed", "delay": "60"}',
        b'{"outcome": "failed", "error": "x", "more": 1}',
        b'{"outcome": "failed", "error": "x", "wait": -1}',
        b'{"outcome": "failed", "error": "x", "wait": "60"}',
        b'{"outcome": "failed", "error": "x", "retry_after": Infinity}',
    ],
)
def test_what_is_not_understood_leaves_the_status(said):
    """It may have been cut on the way."""
    assert hear(said) is None
    assert isinstance(conclude(500, said), Failed)
