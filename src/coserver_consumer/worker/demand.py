"""How many jobs a claimer wants now."""

from __future__ import annotations

from dataclasses import dataclass

from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.prefetch import WINDOW_S, Prefetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """How many jobs are to be claimed, and for how many of these a thread is idle.

    ``is_notified``: a producer says that there are some.
    """

    jobs: int
    idle_threads: int = 0
    is_notified: bool = False


NO_DEMAND = Demand(jobs=0)


def count_demand(
    in_flight: InFlight, prefetch: Prefetch, threads: int, *, is_notified: bool
) -> Demand:
    """Return the jobs that the threads could begin now and in the next moment."""
    unended = in_flight.count_unended()
    busy = sum(run.seconds > WINDOW_S for run in in_flight.running())
    wanted = threads + prefetch.count(threads - busy)
    return Demand(
        jobs=max(0, wanted - unended),
        idle_threads=max(0, threads - unended),
        is_notified=is_notified,
    )
