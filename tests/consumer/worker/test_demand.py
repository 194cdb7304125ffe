"""How many jobs a claimer wants."""

from __future__ import annotations

import pytest

from coserver_consumer.worker.demand import count_demand
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.prefetch import Prefetch

THREADS = 4


@pytest.fixture
def in_flight() -> InFlight:
    """The runs of a process, none yet."""
    return InFlight()


def make_prefetch(seconds: float) -> Prefetch:
    """Return the prefetch of a worker that has run jobs of that length."""
    prefetch = Prefetch()
    for _ in range(200):
        prefetch.note(seconds)
    return prefetch


def count(in_flight: InFlight, prefetch: Prefetch) -> tuple[int, int]:
    """Return how many jobs are wanted, and how many threads are idle."""
    demand = count_demand(in_flight, prefetch, THREADS, is_notified=False)
    return demand.jobs, demand.idle_threads


def test_as_many_jobs_are_wanted_as_threads_are_idle(in_flight, make_job):
    """Where jobs are long."""
    assert count(in_flight, Prefetch()) == (4, 4)
    in_flight.add(make_job(run=number) for number in range(3))
    assert count(in_flight, Prefetch()) == (1, 1)


def test_short_jobs_are_wanted_beside_those_that_run(in_flight, make_job):
    """As many as begin in a tenth of a second; those that wait here count."""
    prefetch = make_prefetch(0.01)
    assert count(in_flight, prefetch)[0] == pytest.approx(44, abs=1)
    in_flight.add(make_job(run=number) for number in range(30))
    jobs, idle = count(in_flight, prefetch)
    assert (jobs, idle) == (pytest.approx(14, abs=1), 0)


def test_nothing_is_prefetched_for_threads_with_long_jobs(in_flight, make_job):
    """They won't begin another one in that time."""
    for run in in_flight.add(make_job(run=number) for number in range(THREADS)):
        in_flight.begin(run)
        run.begun_at -= 60
    assert count(in_flight, make_prefetch(0.01)) == (0, 0)


def test_a_worker_with_more_than_enough_wants_none(in_flight, make_job):
    """And not less than none."""
    in_flight.add(make_job(run=number) for number in range(100))
    assert count(in_flight, Prefetch()) == (0, 0)
