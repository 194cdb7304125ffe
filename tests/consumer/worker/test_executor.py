"""One attempt: what a job's task does becomes an ending, whatever it does."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import asdict, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coserver_consumer.errors import InvalidJob, StoreUnavailable
from coserver_consumer.model.current_job import CurrentJob, EndAttempt
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.outcome import (
    Cancelled,
    Completed,
    Failed,
    NotTried,
    Obstacle,
    Snoozed,
)
from coserver_consumer.protocol.signing import sign
from coserver_consumer.retry import PLAIN, RetryPolicy
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store.database.json_text import Malformed
from coserver_consumer.store.enqueue import check_size_of_row
from coserver_consumer.tasks.registry import Registry
from coserver_consumer.tasks.task import Task
from coserver_consumer.worker.executor import Executor
from coserver_consumer.worker.keys import Keys
from support import odd_exceptions

SECRET = "0123456789abcdef0123456789abcdef"
SETTINGS = Settings(database="sqlite:///x", secret=SECRET)


class Away:
    """A database that nobody reaches; only jobs of keys ask it."""

    def read(self, work):
        """Raise an error."""
        raise StoreUnavailable("nobody answers")

    write = read


@pytest.fixture
def attempt(make_job):
    """Run a function as the task of a job, and return the ending."""

    def run(
        function,
        *,
        is_signed=False,
        retry=PLAIN,
        cancelled=False,
        settings=SETTINGS,
        job=None,
        **changes,
    ):
        task = Task(name="test", run=function, is_signed=is_signed, retry=retry)
        registry = Registry(tasks={"test": task})
        current = CurrentJob(
            job=job or make_job(**changes),
            report=lambda *_: None,
            is_cancelled=lambda: cancelled,
        )
        return Executor(registry=registry, settings=settings, keys=Keys(Away())).attempt(current)

    return run


@pytest.fixture
def signed_job(make_job):
    """A job that runs as ada, signed when it was queued."""
    job = asdict(sign(NewJob(task="test", owner="ada", site="/Plone"), SECRET))
    return make_job(**{key: job[key] for key in set(Job._fields) & job.keys()})


def test_what_a_task_returns_is_the_result(attempt):
    """As JSON."""
    ending = attempt(lambda job: {"sum": 3})
    assert (ending.state, ending.result) == (State.COMPLETED, {"sum": 3})


def test_an_outcome_that_is_returned_is_taken_as_it_is(attempt):
    """A task may know better than to raise."""
    assert attempt(lambda job: Snoozed(delay=9)).delay == 9


@pytest.mark.parametrize("result", [object(), float("nan"), {1, 2}, b"x"])
def test_a_result_that_is_not_json_fails_the_job_at_once(attempt, result):
    """The work is done, so doing it again would be worse."""
    ending = attempt(lambda job: result)
    assert ending.state is State.FAILED
    assert "isn't JSON" in ending.error


def test_an_exception_is_a_failed_attempt_with_its_traceback(attempt):
    """The traceback names the line."""

    def task(job):
        raise ValueError("the sea is too wide")

    ending = attempt(task)
    assert (ending.state, ending.error) == (
        State.SCHEDULED,
        "ValueError: the sea is too wide",
    )
    assert "in task" in ending.traceback


def test_an_exit_is_a_failed_attempt(attempt):
    """A library that calls sys.exit() must not end the thread."""
    assert attempt(lambda job: sys.exit(3)).error == "SystemExit: 3"


@pytest.mark.parametrize("kind", odd_exceptions.MAKERS)
def test_whatever_a_task_raises_is_a_failed_attempt(attempt, kind):
    """Its text and its traceback are plain ones of a bounded length."""

    def task(job):
        error = odd_exceptions.MAKERS[kind]()
        raise error

    ending = attempt(task, attempt=5)
    assert ending.state is State.FAILED
    assert type(ending.error) is str
    assert 0 < len(ending.error) < 20_000
    assert type(ending.traceback) in {str, type(None)}
    assert len(ending.traceback or "") < 200_000


class Untouchable(dict):
    """A mapping that breaks when somebody reads it."""

    def items(self):
        """Break."""
        raise KeyboardInterrupt


def nest(depth: int) -> list:
    """Return a list in a list in a list."""
    innermost: list = []
    for _ in range(depth):
        innermost = [innermost]
    return innermost


@pytest.mark.parametrize(
    "make", [lambda: Untouchable(a=1), lambda: nest(100_000), odd_exceptions.Hidden]
)
def test_a_result_that_breaks_when_it_is_written_fails_the_job_at_once(attempt, make):
    """As any other that isn't JSON."""
    ending = attempt(lambda job: make())
    assert ending.state is State.FAILED
    assert "isn't JSON" in ending.error


def test_a_result_is_kept_as_it_was_when_the_task_returned(attempt):
    """What its threads do to it afterwards comes too late."""
    result = {"done": [1]}
    ending = attempt(lambda job: result)
    result["done"].append(object())
    assert ending.result == {"done": [1]}


@pytest.mark.parametrize(
    "outcome",
    [
        Snoozed(delay="soon"),
        Snoozed(delay=float("nan")),
        Snoozed(delay=float("inf")),
        Snoozed(delay=-1),
        Snoozed(delay=10**400),
        Snoozed(delay=1e12),
        Snoozed(delay=odd_exceptions.Mute()),
        Failed(error="no", wait="soon"),
        Failed(error="no", retry_after=float("nan")),
        Failed(error="no", retry="perhaps"),
        Failed(error="no", traceback=7),
        NotTried(obstacle="sea", reason="no"),
        NotTried(obstacle=Obstacle.ZODB, reason="no", delay="soon"),
    ],
)
@pytest.mark.parametrize("is_raised", [False, True])
def test_an_outcome_that_makes_no_sense_fails_the_job_at_once(attempt, outcome, is_raised):
    """The error names what is wrong with it."""

    def task(job):
        if is_raised:
            raise EndAttempt(outcome)
        return outcome

    ending = attempt(task)
    assert ending.state is State.FAILED
    assert f"The task ended with {type(outcome).__name__}" in ending.error


@pytest.mark.parametrize("is_raised", [False, True])
def test_what_was_not_tried_is_no_attempt(attempt, is_raised):
    """It comes back, as if it hadn't been claimed."""
    outcome = NotTried(obstacle=Obstacle.ZODB, reason="not yet", delay=3)

    def task(job):
        if is_raised:
            raise EndAttempt(outcome)
        return outcome

    ending = attempt(task)
    assert (ending.state, ending.counted, ending.delay) == (State.SCHEDULED, False, 3)


@pytest.mark.parametrize("outcome", [Failed, Cancelled])
def test_what_is_said_of_an_outcome_becomes_text(attempt, outcome):
    """An exception in the place of a text is a small mistake."""
    name = "error" if outcome is Failed else "reason"
    for said in (ValueError("too wide"), odd_exceptions.Mute(), None):
        ending = attempt(lambda job, said=said: outcome(**{name: said}), attempt=5)
        assert type(ending.error) is str
        assert ending.error


def test_an_outcome_of_a_subclass_is_that_outcome(attempt):
    """With whatever else it bears."""

    class Written(Completed):
        pass

    assert attempt(lambda job: Written(result=3)).result == 3


def test_an_outcome_may_be_raised(attempt):
    """From deep inside the task."""

    def task(job):
        raise EndAttempt(Failed(error="hopeless", retry=False))

    assert attempt(task).state is State.FAILED


@pytest.mark.parametrize("then", [lambda: "went on", lambda: 1 / 0, lambda: sys.exit(3)])
def test_an_ending_holds_where_the_task_catches_it(attempt, then):
    """As code does that goes on after every error; the first counts."""

    def task(end):
        def run(job):
            try:
                end(job)
            except Exception:  # noqa: BLE001  as tasks do
                with suppress(EndAttempt):
                    job.snooze(999)
                return then()

        return run

    snoozed = attempt(task(lambda job: job.snooze(60)))
    assert (snoozed.state, snoozed.delay) == (State.SCHEDULED, 60)
    cancelled = attempt(task(lambda job: job.check_cancelled()), cancelled=True)
    assert cancelled.state is State.CANCELLED
    late = attempt(task(lambda job: job.check_cancelled()), timeout=-1.0)
    assert "longer than its timeout" in late.error


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1, 1e300, "60", None, True])
def test_a_task_can_only_snooze_for_a_number_of_seconds(attempt, seconds):
    """Else the call says so, and the job has failed: it would do the same again."""
    ending = attempt(lambda job: job.snooze(seconds))
    assert ending.state is State.FAILED
    assert ending.error.startswith("seconds is ")


def test_a_task_may_snooze(attempt):
    """The attempt isn't counted."""
    ending = attempt(lambda job: job.snooze(60))
    assert (ending.state, ending.delay, ending.counted) == (State.SCHEDULED, 60, False)


def test_a_cancelled_job_stops_where_it_looks_up(attempt):
    """Nothing after the look is done."""

    def task(job):
        job.check_cancelled()
        raise AssertionError("went on")

    assert attempt(task, cancelled=True).state is State.CANCELLED
    assert attempt(lambda job: job.check_cancelled()).state is State.COMPLETED


def test_a_job_whose_time_is_over_stops_where_it_looks_up(attempt):
    """Threads can't be ended from outside."""
    ending = attempt(lambda job: job.check_cancelled(), timeout=-1.0)
    assert "took longer than its timeout" in ending.error


def test_an_outcome_of_the_job_itself_may_cancel(attempt):
    """The reason is kept."""
    ending = attempt(lambda job: Cancelled(reason="nothing to do"))
    assert (ending.state, ending.error) == (State.CANCELLED, "nothing to do")


@pytest.mark.parametrize("args", [[1, 2], "text", None, 3, Malformed("{broken")])
def test_arguments_that_are_no_json_object_fail_the_job_at_once(attempt, args):
    """Any program can write a row; the task is never called with such."""
    ending = attempt(lambda job: 1 / 0, args=args)
    assert ending.state is State.FAILED
    assert "must be a JSON object" in ending.error


def test_a_payload_over_the_limit_fails_the_job_at_once(attempt):
    """Another program wrote it; the task is never called with it, and the error says what to do."""
    settings = replace(SETTINGS, max_payload=100)
    for large in ({"payload": b"x" * 101}, {"args": {"text": "x" * 100}}):
        ending = attempt(lambda job: 1 / 0, settings=settings, **large)
        assert ending.state is State.FAILED
        assert "the limit is 100, the setting max_payload. Pass the path" in ending.error
    assert attempt(lambda job: 1, settings=settings, payload=b"x" * 50).state is State.COMPLETED


@example("\N{SLIGHTLY SMILING FACE}", "\x01")
@given(text=st.text(), key=st.text())
def test_no_json_is_longer_than_what_is_reckoned_with(text, key):
    """What isn't written as JSON to see how long it is can't be over the limit."""
    args, origin = {key: [text * 1000, 1e300, True]}, {"language": key}
    job = Job._make([None] * len(Job._fields))._replace(task="test", args=args, origin=origin)
    longest = len(json.dumps([args, origin])) - 1
    with pytest.raises(InvalidJob):
        check_size_of_row(job, max_payload=longest)


def test_an_unknown_task_is_given_back(attempt):
    """Another consumer knows it; it must not fail here."""
    ending = attempt(lambda job: 1, task="soap")
    assert (ending.state, ending.counted) == (State.READY, False)


def test_a_signed_job_runs(attempt, signed_job):
    """The signature fits."""
    assert attempt(lambda job: 1, job=signed_job).state is State.COMPLETED


@pytest.mark.parametrize("change", [{"owner": "ada"}, {"owner": "ada", "signature": "v1:00"}])
def test_a_job_that_runs_as_a_user_must_be_signed(attempt, change):
    """Who can only write rows gains nobody's rights."""
    ending = attempt(lambda job: 1, **change)
    assert ending.state is State.FAILED
    assert "signature" in ending.error


def test_a_task_may_ask_for_signatures_of_every_job(attempt):
    """``view`` does: Zope wouldn't run them otherwise."""
    assert attempt(lambda job: 1, is_signed=True).state is State.FAILED


def test_a_consumer_without_the_secret_does_not_give_a_users_job_up(attempt, signed_job):
    """That isn't the job's fault: it is tried again."""
    ending = attempt(lambda job: 1, job=signed_job, settings=Settings(database="sqlite:///x"))
    assert ending.state is State.SCHEDULED
    assert "'secret' is missing" in ending.error


@pytest.mark.parametrize(
    ("error", "attempt_number", "state"),
    [
        (TimeoutError(), 5, State.SCHEDULED),
        (TimeoutError(), 7, State.FAILED),
        (ValueError(), 1, State.FAILED),
    ],
)
def test_a_task_s_policy_decides_about_another_attempt(attempt, error, attempt_number, state):
    """By the exception, and by how often it was tried."""

    def task(job):
        raise error

    policy = RetryPolicy(max_attempts=7, on=(OSError,))
    assert attempt(task, retry=policy, attempt=attempt_number).state is state


def test_a_policy_has_no_say_in_what_a_task_returns(attempt):
    """A task that returns its outcome knows better."""
    policy = RetryPolicy(never=(Exception,))
    assert attempt(lambda job: Failed(error="no"), retry=policy).state is State.SCHEDULED


def test_a_job_of_a_key_that_cannot_be_looked_up_now_waits(attempt, make_job):
    """It isn't tried, nor is an attempt lost: the database is away."""
    signature = f"k1:{'0' * 32}:1:5:{'0' * 64}"
    ending = attempt(lambda job: None, is_signed=True, owner="bot", signature=signature)
    assert (ending.state, ending.counted) == (State.SCHEDULED, False)
