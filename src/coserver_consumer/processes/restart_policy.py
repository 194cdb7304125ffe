"""What follows from the end of a worker process. Pure: the supervisor does what is decided here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from coserver_consumer.processes.exit_codes import START_AGAIN

LONGEST_PAUSE_S = 30.0  # before another try to start a process that can't start
FREE_FAILURES = (
    3  # processes in a row that may end at once: a job that kills its process fails then
)
SETTLED_S = 10.0  # of life, after which a process that ends is replaced without a pause


class Role(Enum):
    """What a process was there for."""

    HOLDER = auto()  # it had a place
    SUCCESSOR = auto()  # it was to have the place of another, which works on
    RETIRED = auto()  # another had taken its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a process ended, after so many seconds of life.

    ``code`` is negative if a signal ended it. Any code can come from a job that calls ``os._exit``,
    so it isn't believed: a process whose end ``is_announced`` has said itself that the database
    knows all of its endings. ``was_ready``: it had come as far as to look for jobs.
    """

    code: int
    is_announced: bool
    was_ready: bool
    lived: float

    @property
    def is_handover(self) -> bool:
        """True if it has asked for another process in its place."""
        return self.is_announced and self.code == START_AGAIN

    @property
    def exit_code(self) -> int:
        """What a consumer ends with whose process ended like this: 0 if the database knows all."""
        return 0 if self.is_announced else max(self.code, 1)


@dataclass(frozen=True, slots=True)
class Nothing:
    """All is as it should be."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The consumer ends, so the place stays empty."""

    exit_code: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No process has ever become ready, and this one has said why: the consumer ends."""

    exit_code: int


@dataclass(frozen=True, slots=True)
class Restart:
    """Another process takes the place, after a pause in seconds.

    ``failures``: how many have now ended before they were settled, one after another.
    """

    failures: int
    pause: float


@dataclass(frozen=True, slots=True)
class KeepHolder:
    """The successor couldn't take the place; the one that has it works on.

    No successor is started before the pause is over.
    """

    failures: int
    pause: float


Decision = Nothing | Leave | GiveUp | Restart | KeepHolder


def decide(
    end: Exit, role: Role, *, failures: int, is_stopping: bool, has_been_ready: bool
) -> Decision:
    """Return what follows from the end of a process.

    ``failures``: how many ended in this place before they were settled, one after another.
    ``is_stopping``: the consumer is to end. ``has_been_ready``: one of its processes was.
    """
    if role is Role.RETIRED:
        return Nothing()
    if is_stopping:
        return Leave(end.exit_code)
    if not has_been_ready and not end.is_handover:
        return GiveUp(end.exit_code or 1)
    failures = count_failures(end, failures)
    make = KeepHolder if role is Role.SUCCESSOR else Restart
    return make(failures, find_pause(failures))


def count_failures(end: Exit, before: int) -> int:
    """Return how many processes have now ended early, one after another."""
    is_settled = end.was_ready and end.lived > SETTLED_S
    return 0 if is_settled or end.is_handover else before + 1


def find_pause(failures: int) -> float:
    """Return the seconds before the next start: none at first, then twice as many each time."""
    late = failures - FREE_FAILURES
    return min(LONGEST_PAUSE_S, 2.0 ** (late - 1)) if late > 0 else 0.0
