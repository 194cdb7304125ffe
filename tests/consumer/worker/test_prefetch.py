"""How many jobs a worker prefetches."""

from __future__ import annotations

import pytest

from coserver_consumer.worker.prefetch import MAX_JOBS, WINDOW_S, Prefetch


def make_prefetch(seconds: float, *, jobs: int = 200) -> Prefetch:
    """Return the prefetch of a worker that has run jobs of that length."""
    prefetch = Prefetch()
    for _ in range(jobs):
        prefetch.note(seconds)
    return prefetch


def test_nothing_is_prefetched_before_anything_is_known():
    """The first jobs may take an hour each."""
    assert Prefetch().count(4) == 0


@pytest.mark.parametrize("seconds", [WINDOW_S, 1.0, 3600.0])
def test_nothing_is_prefetched_where_jobs_are_long(seconds):
    """It would wait here while another consumer is idle."""
    assert make_prefetch(seconds).count(4) == 0


@pytest.mark.parametrize(("milliseconds", "number"), [(50, 4), (10, 20), (5, 40)])
def test_as_many_are_prefetched_as_begin_within_the_window(milliseconds, number):
    """By two threads."""
    assert make_prefetch(milliseconds / 1000).count(2) == pytest.approx(number, abs=1)


def test_there_is_a_limit_for_jobs_that_take_no_time():
    """What a consumer that dies has held goes round once more."""
    assert make_prefetch(0).count(16) == MAX_JOBS


def test_threads_that_are_busy_for_long_prefetch_nothing():
    """The worker doesn't count them."""
    assert make_prefetch(0).count(0) == 0


def test_one_long_job_ends_the_prefetching():
    """It may be the first of many."""
    prefetch = make_prefetch(0.005)
    prefetch.note(5.0)
    assert prefetch.count(4) == 0


def test_jobs_that_take_no_time_are_tiny():
    """One long job, or a thread that waited for its turn, doesn't change that."""
    prefetch = make_prefetch(0.00001, jobs=400)
    assert prefetch.jobs_are_tiny
    prefetch.note(5.0)
    assert prefetch.jobs_are_tiny


@pytest.mark.parametrize("seconds", [0.0001, 0.001, 1.0])
def test_jobs_that_do_something_are_not_tiny(seconds):
    """They may wait for others, so that threads run them side by side."""
    assert not make_prefetch(seconds).jobs_are_tiny


def test_no_job_is_tiny_before_that_is_known():
    """The first jobs may take an hour each."""
    assert not make_prefetch(0.00001, jobs=10).jobs_are_tiny
