"""What a job's states are called, how they look, and the words by which they are looked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from zope.i18nmessageid import Message

from collective.coserver.i18n import _
from coserver_consumer.model.job import Job, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A state as people see it: a word, an icon of ``icons.svg``, a class of ``panel.css``."""

    word: Message
    icon: str
    tone: str


WAITING = Look(word=_("look_waiting", default="Waiting"), icon="hourglass-split", tone="wait")
PLANNED = Look(word=_("look_planned", default="Planned"), icon="calendar-event", tone="wait")
TRIES_AGAIN = Look(word=_("look_again", default="Tries again"), icon="arrow-repeat", tone="again")
RUNNING = Look(word=_("look_running", default="Running"), icon="play-circle-fill", tone="run")

LOOKS: dict[State, Look] = {
    State.STAGED: WAITING,
    State.SCHEDULED: PLANNED,
    State.READY: WAITING,
    State.BLOCKED: WAITING,
    State.RUNNING: RUNNING,
    State.FINISHING: RUNNING,
    State.COMPLETED: Look(
        word=_("look_done", default="Done"), icon="check-circle-fill", tone="done"
    ),
    State.FAILED: Look(word=_("look_failed", default="Failed"), icon="x-octagon-fill", tone="fail"),
    State.CANCELLED: Look(
        word=_("look_cancelled", default="Cancelled"), icon="slash-circle", tone="wait"
    ),
    State.EXPIRED: Look(word=_("look_expired", default="Expired"), icon="clock", tone="wait"),
    State.DROPPED: Look(
        word=_("look_dropped", default="Dropped"), icon="slash-circle", tone="wait"
    ),
    State.UNKNOWN: Look(
        word=_("look_unclear", default="Unclear"), icon="question-circle", tone="fail"
    ),
}


class Kind(NamedTuple):
    """Jobs that one word of the search means; ``is_tried`` tells scheduled ones apart, if given."""

    states: frozenset[State]
    is_tried: bool | None = None

    def has(self, state: State, *, is_tried: bool) -> bool:
        """True if it means a job in that state, that had an attempt or not."""
        if state is State.SCHEDULED and self.is_tried is not None:
            return is_tried is self.is_tried
        return state in self.states


def _kind(*states: State, is_tried: bool | None = None) -> Kind:
    return Kind(frozenset(states), is_tried)


SETTLED = {State.COMPLETED, State.CANCELLED, State.EXPIRED, State.DROPPED}  # nobody need look
ALL = "all"
OPEN = "open"
KINDS: dict[str, Kind] = {
    **{state.value: _kind(state) for state in State},
    OPEN: Kind(frozenset(State) - SETTLED),
    "waiting": _kind(State.STAGED, State.READY, State.BLOCKED),
    "planned": _kind(State.SCHEDULED, is_tried=False),
    "again": _kind(State.SCHEDULED, is_tried=True),
    "running": _kind(State.RUNNING, State.FINISHING),
    "done": _kind(State.COMPLETED),
    "unclear": _kind(State.UNKNOWN),
    ALL: Kind(frozenset(State)),
}


def look_at(job: Job) -> Look:
    """Return how the job's state looks; one that is tried again isn't one that is due later."""
    if job.state is State.SCHEDULED and job.attempt:
        return TRIES_AGAIN
    return LOOKS[job.state]


def join_kinds(words: Iterable[str]) -> Kind:
    """Return what several words mean together; raise ``KeyError`` for an unknown one."""
    kinds = [KINDS[word] for word in words]
    states = frozenset().union(*[kind.states for kind in kinds])
    tried = {kind.is_tried for kind in kinds if State.SCHEDULED in kind.states}
    return Kind(states, tried.pop() if len(tried) == 1 else None)
