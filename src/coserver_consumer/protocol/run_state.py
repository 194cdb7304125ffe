"""What a Zope process knows of the runs of jobs, and tells consumers that ask. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from coserver_consumer.model.job import RunKey


class RunState(StrEnum):
    """What became of one run in one Zope process."""

    AT_WORK = "at work"
    EARLIER = "earlier"  # an earlier run of the job is at work
    COMPLETED = "completed"  # its transaction has written its end
    ENDED = "ended"
    UNKNOWN = "unknown"  # it never came


AT_WORK = (RunState.AT_WORK, RunState.EARLIER)  # the job's next run has to wait


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuestion:
    """What became of these runs? With ``stop`` they, and earlier ones of their jobs, are to stop.

    A run that was told to stop isn't let in any more if its request comes later.
    """

    keys: tuple[RunKey, ...]
    stop: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The answer. ``process`` names one start of the process that gives it."""

    process: str
    states: tuple[RunState, ...]
