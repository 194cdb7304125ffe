"""How many jobs a worker claims ahead."""

from __future__ import annotations

import pytest

from coserver_consumer.worker.prefetch import MOMENT, MOST, Pace


def make_pace(seconds: float, *, jobs: int = 200) -> Pace:
    """Return the pace of a worker that has run jobs of that length."""
    pace = Pace()
    for _ in range(jobs):
        pace.note(seconds)
    return pace


def test_nothing_is_claimed_ahead_before_anything_is_known():
    """The first jobs may take an hour each."""
    assert Pace().ahead(4) == 0


@pytest.mark.parametrize("seconds", [MOMENT, 1.0, 3600.0])
def test_nothing_is_claimed_ahead_where_jobs_are_long(seconds):
    """It would wait here while another consumer is idle."""
    assert make_pace(seconds).ahead(4) == 0


@pytest.mark.parametrize(("milliseconds", "ahead"), [(50, 4), (10, 20), (5, 40)])
def test_as_many_are_claimed_ahead_as_begin_within_a_moment(milliseconds, ahead):
    """By two threads."""
    assert make_pace(milliseconds / 1000).ahead(2) == pytest.approx(ahead, abs=1)


def test_there_is_a_limit_for_jobs_that_take_no_time():
    """What a consumer that dies has held goes round once more."""
    assert make_pace(0).ahead(16) == MOST


def test_threads_that_are_busy_for_long_claim_nothing_ahead():
    """The worker doesn't count them."""
    assert make_pace(0).ahead(0) == 0


def test_one_long_job_ends_the_claiming_ahead():
    """It may be the first of many."""
    pace = make_pace(0.005)
    pace.note(5.0)
    assert pace.ahead(4) == 0


def test_jobs_that_take_no_time_are_trifles():
    """One long job, or a thread that waited for its turn, doesn't change that."""
    pace = make_pace(0.00001, jobs=400)
    assert pace.is_trifling
    pace.note(5.0)
    assert pace.is_trifling


@pytest.mark.parametrize("seconds", [0.0001, 0.001, 1.0])
def test_jobs_that_do_something_are_none(seconds):
    """They may wait for others, so that threads run them side by side."""
    assert not make_pace(seconds).is_trifling


def test_nothing_is_a_trifle_before_it_is_known():
    """The first jobs may take an hour each."""
    assert not make_pace(0.00001, jobs=10).is_trifling
