"""What follows from an answer that doesn't say what became of the job. Pure.

It may come from a load balancer, from another server than Zope, or from a Zope that broke down.
Zope is then asked what it knows of the run.
"""

from __future__ import annotations

from enum import Enum, auto
from http import HTTPStatus
from typing import assert_never

from coserver_consumer.model.indoubt import run_mark
from coserver_consumer.model.job import RunKey
from coserver_consumer.protocol.markers import ENDED
from coserver_consumer.protocol.outcome_message import MEDIA_TYPE
from coserver_consumer.protocol.reply import Reply
from coserver_consumer.protocol.run_state import RunState

# A server in front of Zope says so when it gets no answer from it; and a Zope that can't run jobs.
BUSY = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)


class Step(Enum):
    """What to do."""

    JUDGE = auto()  # take the answer for what it is
    COMPLETE = auto()  # the run has written its own end
    SEE_OUT = auto()  # the run is at work though its answer came: wait for its end
    PUT_OFF = auto()  # nothing of the job was done


def is_marked(reply: Reply, key: RunKey) -> bool:
    """Return True if a Zope with the add-on says what became of the run."""
    return reply.headers.get(ENDED.lower()) == run_mark(*key) or reply.content_type.startswith(
        MEDIA_TYPE
    )


def decide(state: RunState, status: int) -> Step:
    """Return what follows from what Zope knows of the run, and the status of the answer."""
    match state:
        case RunState.ENDED:
            return Step.JUDGE
        case RunState.COMPLETED:
            return Step.COMPLETE
        case RunState.AT_WORK | RunState.EARLIER:
            return Step.SEE_OUT
        case RunState.UNKNOWN:
            return Step.PUT_OFF if status in BUSY else Step.JUDGE
        case _:
            assert_never(state)
