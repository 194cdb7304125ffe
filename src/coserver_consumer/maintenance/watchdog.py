"""The watchdog: sees from inside a worker process that this can't go on as it is."""

from __future__ import annotations

from collections.abc import Callable

from coserver_consumer.runtime.loop import Loop
from coserver_consumer.settings.settings import Settings
from coserver_consumer.worker.inflight import InFlight

CHECK_EVERY_S = 1.0
MEGABYTE = 1_000_000  # bytes


def make_watchdog(
    in_flight: InFlight,
    settings: Settings,
    *,
    abandon: Callable[[], None],
    retire: Callable[[str], None],
) -> Loop:
    """Return the loop.

    ``abandon`` is called while a job hangs: a thread can't be stopped, so its process must end.
    ``retire`` is called, with the reason, while the process is to be replaced by the settings.
    """

    def tick() -> None:
        if in_flight.hanging(settings.kill_after):
            abandon()
        elif why := why_retire(in_flight.ended_count, settings):
            retire(why)

    return Loop("watchdog", every=CHECK_EVERY_S, tick=tick)


def why_retire(jobs: int, settings: Settings) -> str:
    """Return why a process that has ended so many jobs should be replaced; empty if it needn't."""
    if settings.max_jobs is not None and jobs >= settings.max_jobs:
        return f"it has ended {jobs} jobs (setting max_jobs)"
    if settings.max_memory is not None and (size := resident_memory()) >= settings.max_memory:
        return f"it takes {size / MEGABYTE:.0f} MB of memory (setting max_memory)"
    return ""


def resident_memory() -> int:
    """Return the bytes of memory that this process takes."""
    from psutil import Process  # only where a limit is set

    return int(Process().memory_info().rss)
