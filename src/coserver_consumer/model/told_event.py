"""What Zope is to be told of the ends that jobs have met outside of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from coserver_consumer.model.job import Job, State

# Of the other ends Zope knows by itself.
TOLD_STATES = frozenset({State.FAILED, State.CANCELLED, State.EXPIRED})
TASKS_IN_ZOPE = ("call", "view", "xmlrpc")  # whose jobs Zope is told of


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The end of a job that is to be told now; ``tries`` is how often that has failed."""

    id: int
    job_id: str
    state: State
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """The end of a job for Zope; ``job`` is as it was then."""

    id: int
    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReport:
    """What Zope did with events: ``told``, or ``failed`` since a subscriber raised an error.

    Those that are in neither it had no time for, or couldn't tell yet.
    """

    told: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
