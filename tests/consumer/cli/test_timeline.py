"""A job's life as moments in their order."""

from __future__ import annotations

import pytest

from coserver_consumer.cli.output import iso_time, local_time
from coserver_consumer.cli.timeline import make_timeline
from coserver_consumer.model.job import State
from coserver_consumer.store.manage import AttemptError, Line

SECOND = 1_000_000


def test_a_job_that_failed_once_and_was_completed(make_job):
    """Attempts that failed are there with their errors, the last with its time."""
    job = make_job(
        state=State.COMPLETED, attempt=2, created_at=SECOND, started_at=7 * SECOND,
        ended_at=9 * SECOND, consumer="c",
    )  # fmt: skip
    failed = AttemptError(
        job_id=job.id, attempt=1, consumer="c", error="no wind", traceback=None, at=3 * SECOND
    )
    assert [(moment.at // SECOND, moment.what) for moment in make_timeline(job, [failed])] == [
        (1, "created, for queue default"),
        (3, "attempt 1 failed: no wind"),
        (7, "attempt 2 started by consumer c"),
        (9, "completed after 2.0 s"),
    ]


def test_a_job_whose_last_attempt_failed(make_job):
    """Its start stands before its failure, though only the failures of the others are known."""
    job = make_job(state=State.FAILED, created_at=1, started_at=7, ended_at=9, error="no wind")
    failed = AttemptError(
        job_id=job.id, attempt=1, consumer="c", error="no wind", traceback=None, at=8
    )
    assert [moment.at for moment in make_timeline(job, [failed])] == [1, 7, 8, 9]


def test_what_a_job_said_stands_where_it_said_it(make_job):
    """Between its start and its end."""
    job = make_job(state=State.COMPLETED, created_at=1, started_at=2, ended_at=4)
    line = Line(attempt=1, text="sails set", at=3)
    timeline = make_timeline(job, [], [line])
    assert [moment.what for moment in timeline][2] == "said: sails set"
    assert [moment.at for moment in timeline] == [1, 2, 3, 4]


def test_a_job_that_is_due_later(make_job):
    """What will happen stands at the end."""
    job = make_job(state=State.SCHEDULED, attempt=0, run_at=60 * SECOND)
    assert [moment.what for moment in make_timeline(job, [])] == [
        "created, for queue default",
        "due",
    ]


def test_a_job_that_may_expire(make_job):
    """When it does stands at the end; of one that has begun it doesn't matter any more."""
    job = make_job(state=State.READY, attempt=0, expires_at=60 * SECOND)
    expected = (60 * SECOND, "expires, unless it has begun by then")
    [*_, last] = make_timeline(job, [])
    assert (last.at, last.what) == expected
    for state in (State.RUNNING, State.COMPLETED, State.CANCELLED):
        begun = make_timeline(job._replace(state=state), [])
        assert [moment.what for moment in begun] == ["created, for queue default"]


def test_a_job_that_has_expired(make_job):
    """When it was to begin, and why it hadn't; that it was given back once was no beginning."""
    job = make_job(
        state=State.EXPIRED, attempt=0, started_at=3, expires_at=7, ended_at=9, error="Too late."
    )
    moments = [(moment.at, moment.what) for moment in make_timeline(job, [])]
    assert moments[1:] == [
        (3, "started and given back: not counted as an attempt"),
        (7, "expires, unless it has begun by then"),
        (9, "expired: Too late."),
    ]


@pytest.mark.parametrize("attempt", [0, 2])
def test_a_job_that_was_given_back(make_job, attempt):
    """What started last is no attempt, and doesn't bear the number of the one before."""
    job = make_job(state=State.READY, attempt=attempt, created_at=1, started_at=8)
    failed = [
        AttemptError(job_id=job.id, attempt=n, consumer="c", error="no wind", traceback=None, at=n)
        for n in range(1, attempt + 1)
    ]
    [*_, last] = make_timeline(job, failed)
    assert last.what == "started and given back: not counted as an attempt"


def test_a_job_that_is_to_be_tried_again(make_job):
    """Its last start is that of the attempt that failed."""
    job = make_job(state=State.SCHEDULED, attempt=2, created_at=1, started_at=6, run_at=9)
    failed = AttemptError(
        job_id=job.id, attempt=2, consumer="c", error="no wind", traceback=None, at=7
    )
    assert [moment.what for moment in make_timeline(job, [failed])][1:] == [
        "attempt 2 started",
        "attempt 2 failed: no wind",
        "due",
    ]


def test_a_job_that_was_asked_to_stop(make_job):
    """And then was cancelled, for the reason that is shown."""
    job = make_job(
        state=State.CANCELLED, started_at=1, cancel_at=2, ended_at=3, error="cancelled by ada"
    )
    assert [moment.what for moment in make_timeline(job, [], canceller="ada")][2:] == [
        "asked to stop by ada",
        "cancelled after 0.0 s: cancelled by ada",
    ]


def test_a_moment_that_no_calendar_has_is_shown_as_a_number():
    """Another program may have written one; the job can still be looked at."""
    assert (local_time(2**60), iso_time(2**60)) == (str(2**60), str(2**60))
    assert iso_time(1_893_456_000_000_000) == "2030-01-01T00:00:00+00:00"
