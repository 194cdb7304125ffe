"""What a task may say of its further attempts."""

from __future__ import annotations

import pytest

from coserver_consumer.errors import InvalidTask
from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import conclude
from coserver_consumer.model.outcome import Failed
from coserver_consumer.retry import Backoff, RetryPolicy

BACKOFF = Backoff(base=10, cap=100)
FAILED = Failed(error="no")


class Rough(ConnectionError):
    """An exception of a program."""


def half() -> float:
    """Stand for a random number."""
    return 0.5


@pytest.mark.parametrize(
    ("policy", "error", "allowed"),
    [
        ({}, ValueError(), True),
        ({"on": (OSError,)}, Rough(), True),
        ({"on": (OSError,)}, ValueError(), False),
        ({"never": (OSError,)}, Rough(), False),
        ({"never": (OSError,)}, ValueError(), True),
        ({"on": (OSError,), "never": (Rough,)}, Rough(), False),
        ({"on": (OSError,), "never": (Rough,)}, TimeoutError(), True),
        ({"on": ("Rough",)}, Rough(), True),
        ({"on": ("OSError",)}, Rough(), True),
        ({"on": ("builtins.ConnectionError",)}, Rough(), True),
        ({"on": ("elsewhere.Rough",)}, Rough(), False),
        ({"never": ("SystemExit",)}, SystemExit(), False),
    ],
)
def test_exceptions_decide_whether_another_attempt_may_follow(policy, error, allowed):
    """By class or by name, subclasses too; what is never to be tried again isn't."""
    assert RetryPolicy(**policy).allows(error) is allowed


@pytest.mark.parametrize("said", [1, 3, 5, 9])
def test_a_job_has_the_attempts_that_were_said(said):
    """Also as many as it would have by default."""
    assert RetryPolicy(max_attempts=8).attempts(said) == said
    assert RetryPolicy().attempts(said) == said


def test_a_job_of_which_nothing_was_said_has_the_attempts_of_its_task():
    """Or else 5."""
    assert RetryPolicy(max_attempts=8).attempts(None) == 8
    assert RetryPolicy().attempts(None) == 5


@pytest.mark.parametrize(
    ("attempt", "state"), [(5, State.SCHEDULED), (7, State.SCHEDULED), (8, State.FAILED)]
)
def test_a_job_is_tried_as_often_as_its_task_says(make_job, attempt, state):
    """Though the default is less."""
    policy = RetryPolicy(max_attempts=8)
    ending = conclude(make_job(attempt=attempt), FAILED, backoff=BACKOFF, policy=policy)
    assert ending.state is state


def test_a_task_s_backoff_is_instead_of_the_consumer_s(make_job):
    """Half of it, by this random number."""
    policy = RetryPolicy(backoff=Backoff(base=600, cap=600))
    ending = conclude(make_job(), FAILED, backoff=BACKOFF, policy=policy, random=half)
    assert ending.delay == 300


def test_a_wait_that_was_told_is_kept_to_exactly(make_job):
    """Zope has counted it out already."""
    ending = conclude(make_job(), Failed(error="no", wait=7.5), backoff=BACKOFF)
    assert (ending.state, ending.delay) == (State.SCHEDULED, 7.5)


def test_a_wait_that_was_told_gives_no_further_attempt(make_job):
    """It says when, not whether."""
    ending = conclude(make_job(attempt=5), Failed(error="no", wait=7.5), backoff=BACKOFF)
    assert ending.state is State.FAILED


@pytest.mark.parametrize(
    ("policy", "fault"),
    [
        ({"max_attempts": 0}, "max_attempts is 0, wanted a number from 1 on"),
        ({"max_attempts": "3"}, "max_attempts is '3'"),
        ({"backoff": 60}, "backoff is 60, wanted a Backoff"),
        ({"backoff": Backoff(base=0)}, "more than 0 s"),
        ({"backoff": Backoff(base="1")}, "more than 0 s"),
        ({"backoff": Backoff(base=60, cap=30)}, "upwards"),
        ({"on": OSError}, "'on' is <class 'OSError'>, wanted a tuple"),
        ({"on": (int,)}, "'on' has <class 'int'>, wanted an exception class"),
        ({"never": (OSError(),)}, "'never' has OSError"),
        ({"never": ("",)}, "'never' has ''"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_fault(policy, fault):
    """When it is made, which for a plugin is when it is loaded."""
    with pytest.raises(InvalidTask, match=fault.replace("(", r"\(")):
        RetryPolicy(**policy)
