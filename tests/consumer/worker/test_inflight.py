"""The runs of a process: what waits, what runs, and what hangs."""

from __future__ import annotations

import pytest

from coserver_consumer.model.lifecycle import complete, release
from coserver_consumer.worker.inflight import Runs


@pytest.fixture
def runs() -> Runs:
    """A process's runs, none yet."""
    return Runs()


def test_the_late_ending_of_a_run_that_was_given_back_is_not_told(runs, make_job):
    """It would be refused anyway, and be logged as a lost lease."""
    job = make_job()
    [run] = runs.open([job])
    runs.close(run, release(job))
    runs.forget(runs.results())
    runs.close(run, complete(job))
    assert runs.is_empty


def test_a_run_that_was_given_back_is_not_begun(runs, make_job):
    """Somebody else may have it by now."""
    job = make_job()
    [run] = runs.open([job])
    runs.close(run, release(job))
    assert not runs.begin(run)
    assert not run.has_begun


def test_a_timeout_counts_from_the_beginning(runs, make_job):
    """However long the job has waited for a thread."""
    job = make_job(timeout=5)
    [run] = runs.open([job])
    run.since -= 60
    assert runs.hanging(0) == []
    assert runs.begin(run)
    assert run.age < 5
    assert runs.hanging(0) == []
    run.since -= 60
    assert runs.hanging(0) == [run]


def test_what_waits_is_never_killed_for(runs, make_job):
    """It is given back: no process has to end for that."""
    job = make_job()
    [run] = runs.open([job])
    runs.kill([job.key])
    assert runs.hanging(0) == []
    assert runs.begin(run)
    assert runs.hanging(0) == [run]


def test_what_waits_is_told_from_what_runs(runs, make_job):
    """And only what ran counts for the wear of the process."""
    begun, waiting = runs.open(make_job(run=number) for number in (1, 2))
    assert runs.begin(begun)
    assert (runs.begun(), runs.waiting()) == ([begun], [waiting])
    for run in (begun, waiting):
        runs.close(run, release(run.job))
    assert runs.closed == 1
