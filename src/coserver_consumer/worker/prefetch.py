"""How many jobs a worker prefetches, so that no thread waits for the database between short ones.

As many as its threads will probably begin within a moment. Where jobs take longer than that, none
is prefetched: it would wait here while another consumer may be idle.
"""

from __future__ import annotations

WINDOW_S = 0.1  # jobs are prefetched that will begin within it
MAX_JOBS = 1600
LAST_JOB_WEIGHT = 0.1  # in the mean: one long job among many short ones is noticed
MEDIAN_STEP = 1.05  # the factor by which the median comes nearer to the last job
TINY_JOB_S = 0.00005  # a job that does anything takes longer


class Prefetch:
    """Measures the jobs that ended here, by which it knows how many to prefetch.

    Every thread may note one.
    """

    def __init__(self) -> None:
        self._mean = WINDOW_S  # seconds
        self._median = WINDOW_S  # seconds, about
        self._noted = 0

    def note(self, seconds: float) -> None:
        """Count a job that took so long; each of the first ones weighs as much as all before it."""
        self._noted += 1
        self._mean += (seconds - self._mean) * max(LAST_JOB_WEIGHT, 1 / self._noted)
        self._median *= MEDIAN_STEP if seconds > self._median else 1 / MEDIAN_STEP

    @property
    def jobs_are_tiny(self) -> bool:
        """True if most jobs take next to no time."""
        return self._median < TINY_JOB_S

    def count(self, threads: int) -> int:
        """Return how many jobs so many threads will begin within the window."""
        jobs = WINDOW_S / max(self._mean, WINDOW_S / MAX_JOBS)
        return min(MAX_JOBS, int(threads * jobs)) if jobs > 1 else 0
