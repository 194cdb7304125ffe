"""A run: one claimed attempt on its way through this process."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto

from coserver_consumer.model.job import Job, RunKey
from coserver_consumer.model.lifecycle import Ending


class Phase(Enum):
    """How far a run has come."""

    PREFETCHED = auto()  # it waits here for a thread
    RUNNING = auto()  # a thread has begun it


class Stop(IntEnum):
    """Why a run is to end before it has done its work; the greater of two reasons counts."""

    CANCELLED = auto()  # somebody has cancelled the job, or its database says that it isn't ours
    LOST = auto()  # its consumer had been given up, so most likely somebody else has the job
    SHUTDOWN = auto()  # this process ends, which is no fault of the job
    KILLED = auto()  # the job was cancelled by somebody who won't wait until it heeds that


@dataclass(slots=True, eq=False)
class Run:
    """One claimed attempt. ``claimed_at`` and ``begun_at``, None before, are monotonic times.

    ``is_start_written``: the database takes it for begun since it was claimed; if not, the start is
    written when a thread begins it.
    """

    job: Job
    key: RunKey
    is_start_written: bool = True
    stop: Stop | None = None
    claimed_at: float = field(default_factory=time.monotonic)
    begun_at: float | None = None

    @property
    def phase(self) -> Phase:
        """How far it has come."""
        return Phase.PREFETCHED if self.begun_at is None else Phase.RUNNING

    @property
    def seconds(self) -> float:
        """For how many seconds it has run, or has waited for a thread if none has begun it."""
        return time.monotonic() - (self.claimed_at if self.begun_at is None else self.begun_at)

    def begin(self) -> None:
        """Note that a thread begins it."""
        self.begun_at = time.monotonic()

    def ask_to_stop(self, why: Stop) -> None:
        """Note why it is to end, unless there is a greater reason."""
        self.stop = why if self.stop is None else max(self.stop, why)

    def is_to_stop(self) -> bool:
        """Return True if the attempt is to end where it is safe."""
        return self.stop is not None

    def hangs(self, kill_after: float) -> bool:
        """Return True if it goes on ``kill_after`` seconds after its timeout, or is to be killed.

        What waits for a thread doesn't hang: it is given back without ending a process.
        """
        if self.phase is not Phase.RUNNING:
            return False
        limit = self.job.timeout
        is_late = limit is not None and self.seconds > limit + kill_after
        return is_late or self.stop is Stop.KILLED


@dataclass(slots=True, eq=False)
class EndedRun:
    """How a run ended, and after how many seconds."""

    job: Job
    ending: Ending
    seconds: float
