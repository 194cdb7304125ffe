"""How many jobs a worker claims ahead, so that no thread waits for the database between short ones.

As many as its threads will probably do within a moment. Where jobs take longer than that, none is
claimed ahead: it would wait here while another consumer may be idle.
"""

from __future__ import annotations

MOMENT = 0.1  # seconds
MOST = 1600
WEIGHT = 0.1  # of the last job in the mean: one long job among many short ones is noticed
TRIFLE = 0.00005  # seconds: a job that does anything takes longer
STEP = 1.05  # by which what is typical comes nearer to the last job


class Pace:
    """The mean time of the jobs that ended here; every thread may note one."""

    def __init__(self) -> None:
        self._mean = MOMENT  # seconds
        self._typical = MOMENT  # their median, about
        self._noted = 0

    def note(self, seconds: float) -> None:
        """Count a job that took so long; each of the first ones weighs as much as all before it."""
        self._noted += 1
        self._mean += (seconds - self._mean) * max(WEIGHT, 1 / self._noted)
        self._typical = self._typical * STEP if seconds > self._typical else self._typical / STEP

    @property
    def is_trifling(self) -> bool:
        """True if most jobs take next to no time."""
        return self._typical < TRIFLE

    def ahead(self, threads: int) -> int:
        """Return how many jobs so many threads will begin within the next moment."""
        jobs = MOMENT / max(self._mean, MOMENT / MOST)
        return min(MOST, int(threads * jobs)) if jobs > 1 else 0
