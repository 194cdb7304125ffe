"""What follows from the exit of a worker process.

Pure: no clock, no process. ``decide`` reads a slot, an exit and the supervisor's state and returns
a ``Decision``; the supervisor applies it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

from coserver_consumer.processes.exit_codes import FAILED, START_AGAIN
from coserver_consumer.processes.slot import Role, Slot

MAX_BACKOFF_S = 30.0
MAX_DOUBLINGS = 100  # far beyond the longest backoff, and a float can still hold the result
FREE_FAILURES = 3  # in a row, without a backoff: by then a job that kills its process has failed
STABLE_AFTER_S = 10.0  # of life; what ends later is no failure, whatever ended it


class SupervisorState(Enum):
    """What the supervisor is at."""

    STARTING = auto()  # none of its processes has been ready yet
    RUNNING = auto()
    STOPPING = auto()  # the consumer is to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a worker process ended, after so many seconds of life.

    ``process`` is its serial number. ``code`` is negative if a signal ended it. A job that calls
    ``os._exit`` can end it with any code, so the code alone isn't believed: a process whose exit
    ``is_announced`` has reported before that the database knows all endings of its jobs.
    ``was_ready``: it had come as far as to claim jobs.
    """

    process: int
    code: int
    is_announced: bool
    was_ready: bool
    lived: float

    @property
    def wants_restart(self) -> bool:
        """True if the process has asked for another one in its place."""
        return self.is_announced and self.code == START_AGAIN

    @property
    def is_failure(self) -> bool:
        """True unless the process had become stable, or has asked for another one."""
        is_stable = self.was_ready and self.lived > STABLE_AFTER_S
        return not is_stable and not self.wants_restart

    @property
    def consumer_code(self) -> int:
        """The consumer's exit code if it ends with this process: 0 if the database knows all."""
        return 0 if self.is_announced else max(self.code, FAILED)


@dataclass(frozen=True, slots=True)
class Ignore:
    """The process had retired; nothing follows."""


@dataclass(frozen=True, slots=True)
class Vacate:
    """The consumer is stopping: no process is started for the slot any more."""

    exit_code: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No process has ever been ready, and this one has said why: the consumer ends."""

    exit_code: int


@dataclass(frozen=True, slots=True)
class Restart:
    """Another process gets the slot, after a backoff in seconds.

    ``failures``: how many processes in a row have now failed.
    """

    failures: int
    backoff: float


@dataclass(frozen=True, slots=True)
class KeepHolder:
    """The successor has failed, and the process that holds the slot works on.

    No other successor is started before the backoff, in seconds, is over.
    """

    failures: int
    backoff: float


Decision = Ignore | Vacate | GiveUp | Restart | KeepHolder


def decide(slot: Slot, ended: Exit, state: SupervisorState) -> Decision:
    """Return what follows from the exit of a process, for the slot that it has or had."""
    role = slot.role_of(ended.process)
    if role is Role.RETIRED:
        return Ignore()
    match state:
        case SupervisorState.STOPPING:
            return Vacate(ended.consumer_code)
        case SupervisorState.STARTING if not ended.wants_restart:
            return GiveUp(ended.consumer_code or FAILED)
        case SupervisorState.STARTING | SupervisorState.RUNNING:
            failures = slot.failures + 1 if ended.is_failure else 0
            make = KeepHolder if role is Role.SUCCESSOR else Restart
            return make(failures, find_backoff(failures))
        case _:
            assert_never(state)


def find_backoff(failures: int) -> float:
    """Return the seconds before the next start: none at first, then twice as many each time."""
    doublings = min(failures - FREE_FAILURES - 1, MAX_DOUBLINGS)
    return min(MAX_BACKOFF_S, 2.0**doublings) if doublings >= 0 else 0.0
