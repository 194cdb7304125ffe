"""What follows from an outcome."""

from __future__ import annotations

import pytest

from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import conclude
from coserver_consumer.model.outcome import Cancelled, Completed, Failed, Released, Snoozed
from coserver_consumer.retry import Backoff

BACKOFF = Backoff(base=10, cap=100)


def half() -> float:
    """Stand for a random number."""
    return 0.5


def test_a_completed_job_ends_with_its_result(make_job):
    """The result goes into the history."""
    ending = conclude(make_job(), Completed(result={"a": 1}), backoff=BACKOFF)
    assert (ending.state, ending.result, ending.error) == (State.COMPLETED, {"a": 1}, None)


def test_a_failed_attempt_is_tried_again_later(make_job):
    """Half of the doubled wait, by this random number."""
    job = make_job(attempt=3, max_attempts=5)
    ending = conclude(job, Failed(error="no", traceback="here"), backoff=BACKOFF, random=half)
    assert (ending.state, ending.delay, ending.counted) == (State.SCHEDULED, 20, True)
    assert (ending.error, ending.traceback) == ("no", "here")


@pytest.mark.parametrize(
    ("attempt", "failure"), [(5, Failed(error="no")), (1, Failed(error="no", retry=False))]
)
def test_the_last_attempt_and_a_hopeless_one_end_the_job(make_job, attempt, failure):
    """Either all attempts are used up, or another would fail the same way."""
    ending = conclude(make_job(attempt=attempt, max_attempts=5), failure, backoff=BACKOFF)
    assert (ending.state, ending.error) == (State.FAILED, "no")


def test_retry_after_is_heeded(make_job):
    """The other side knows better when it will be there."""
    failure = Failed(error="busy", retry_after=300)
    assert conclude(make_job(), failure, backoff=BACKOFF, random=half).delay == 300


def test_a_snoozed_attempt_is_not_counted(make_job):
    """Snoozing isn't failing."""
    ending = conclude(make_job(), Snoozed(delay=60), backoff=BACKOFF)
    assert (ending.state, ending.delay, ending.counted) == (State.SCHEDULED, 60, False)


def test_a_cancelled_job_ends(make_job):
    """The reason is kept."""
    ending = conclude(make_job(), Cancelled(reason="by ada"), backoff=BACKOFF)
    assert (ending.state, ending.error) == (State.CANCELLED, "by ada")


def test_a_released_job_is_as_if_it_had_not_been_claimed(make_job):
    """A consumer that stops costs no attempt."""
    ending = conclude(make_job(), Released(), backoff=BACKOFF)
    assert (ending.state, ending.delay, ending.counted) == (State.READY, 0, False)


def test_every_ending_bears_its_run(make_job):
    """The run is the fencing token."""
    job = make_job(run=42)
    for outcome in (Completed(), Failed(error="x"), Snoozed(delay=1), Cancelled(), Released()):
        assert conclude(job, outcome, backoff=BACKOFF).key == job.key
