"""The runs of a process: what is prefetched, what runs, and what hangs."""

from __future__ import annotations

import pytest

from coserver_consumer.model.lifecycle import complete, release
from coserver_consumer.worker.inflight import InFlight
from coserver_consumer.worker.run import Phase, Stop

OTHER = "01980cf2-53a1-7000-8000-0123456789ab"


@pytest.fixture
def in_flight() -> InFlight:
    """The runs of a process, none yet."""
    return InFlight()


def test_the_late_ending_of_a_run_that_was_given_back_is_not_written(in_flight, make_job):
    """It would be refused anyway, and be logged as a lost lease."""
    job = make_job()
    [run] = in_flight.add([job])
    in_flight.end(run, release(job))
    in_flight.forget(in_flight.ended())
    in_flight.end(run, complete(job))
    assert in_flight.is_empty


def test_a_run_that_was_given_back_is_not_begun(in_flight, make_job):
    """Somebody else may have it by now."""
    job = make_job()
    [run] = in_flight.add([job])
    in_flight.end(run, release(job))
    assert not in_flight.begin(run)
    assert run.phase is Phase.PREFETCHED


def test_a_timeout_counts_from_the_beginning(in_flight, make_job):
    """However long the job has waited for a thread."""
    job = make_job(timeout=5)
    [run] = in_flight.add([job])
    run.claimed_at -= 60
    assert run.seconds > 5
    assert in_flight.hanging(0) == []
    assert in_flight.begin(run)
    assert run.seconds < 5
    assert in_flight.hanging(0) == []
    run.begun_at -= 60
    assert in_flight.hanging(0) == [run]


def test_what_waits_is_never_killed_for(in_flight, make_job):
    """It is given back: no process has to end for that."""
    job = make_job()
    [run] = in_flight.add([job])
    in_flight.kill([job.key])
    assert in_flight.hanging(0) == []
    assert in_flight.begin(run)
    assert in_flight.hanging(0) == [run]


def test_what_is_prefetched_is_told_from_what_runs(in_flight, make_job):
    """And only what ran counts for the wear of the process."""
    begun, waiting = in_flight.add(make_job(run=number) for number in (1, 2))
    assert in_flight.begin(begun)
    assert (in_flight.running(), in_flight.prefetched()) == ([begun], [waiting])
    for run in (begun, waiting):
        in_flight.end(run, release(run.job))
    assert in_flight.ended_count == 1


def test_a_process_that_ends_for_a_job_does_so_whatever_else_befalls_it(make_job):
    """Its thread goes on, and another reason to stop doesn't end that."""
    job, in_flight = make_job(), InFlight(is_elsewhere=lambda job: True)
    [run] = in_flight.add([job])
    in_flight.begin(run)
    in_flight.kill([job.key])
    in_flight.cancel([job.key])
    assert in_flight.stop_elsewhere() == [run]
    assert in_flight.mark_lost(except_of=OTHER) == 1
    assert in_flight.hanging(0) == [run]


def test_a_lost_run_is_not_taken_for_a_cancelled_one(in_flight, make_job):
    """Nobody wanted it to end: where it is ours even so, it is run again."""
    job = make_job()
    [run] = in_flight.add([job])
    in_flight.mark_lost(except_of=OTHER)
    in_flight.cancel([job.key])
    assert (run.is_to_stop(), run.stop) == (True, Stop.LOST)
