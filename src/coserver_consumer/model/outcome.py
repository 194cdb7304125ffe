"""How an attempt ended, as a value. A task returns or raises; the executor makes one of these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any

from coserver_consumer.model.exception_text import describe, format_traceback

CANCELLED = "cancelled"  # the reason if none other is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The task did its work. ``result`` is JSON, capped by the store.

    ``is_written``: the store has it already, by the transaction that did the work.
    """

    result: Any = None
    is_written: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The attempt failed. ``retry`` False means another try would fail the same way.

    ``retry_after`` is how many seconds the other side asked to wait, by a Retry-After header.
    ``wait`` is how many the task's own backoff says; no others are added to it.
    """

    error: str
    traceback: str | None = None
    retry: bool = True
    retry_after: float | None = None
    wait: float | None = None

    @classmethod
    def because_of(
        cls, error: BaseException, *, retry: bool = True, start: TracebackType | None = None
    ) -> Failed:
        """Return the failure that an exception is, with its traceback from ``start`` on.

        Never raises.
        """
        frames = format_traceback(error, start=start)
        return cls(error=describe(error), traceback=frames, retry=retry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snoozed:
    """The task asks to be run again in ``delay`` seconds; the attempt isn't counted."""

    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The attempt was stopped on request."""

    reason: str = CANCELLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The consumer gives the job back unfinished (it stops); the attempt isn't counted."""


class Obstacle(StrEnum):
    """What kept a job from being tried."""

    SECRET = "secret"  # noqa: S105  Zope and this consumer don't have the same
    CLOCK = "clock"  # their clocks disagree, or the request was under way for too long
    DATABASE = "database"  # Zope can't read the queue
    ZODB = "zodb"  # it hasn't got the transaction that queued the job yet
    LOST = "lost"  # the run isn't the current one where Zope looks
    AT_WORK = "at work"  # an earlier run of the job is at work there
    FOREIGN = "foreign"  # who answered isn't a Zope with the add-on


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTried:
    """Nothing was tried, since ``obstacle`` stood in the way; no attempt is counted.

    ``delay`` (seconds) is how long to wait before the job is looked at again.
    """

    obstacle: Obstacle
    reason: str
    delay: float = 10


Outcome = Completed | Failed | Snoozed | Cancelled | Released | NotTried
