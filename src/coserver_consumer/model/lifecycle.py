"""What follows from an outcome: the one place that decides a job's next state.

Pure: no clock, no database. ``conclude`` reads a job and an outcome and returns an ``Ending``;
``finish.end_attempts`` writes it, if the run still is the current one.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Callable
from typing import Any, NamedTuple, assert_never

from coserver_consumer.model.job import Job, RunKey, State
from coserver_consumer.model.outcome import (
    CANCELLED,
    Cancelled,
    Completed,
    Failed,
    NotTried,
    Outcome,
    Released,
    Snoozed,
)
from coserver_consumer.model.retry import PLAIN, Backoff, RetryPolicy

WAITING = frozenset({State.SCHEDULED, State.READY, State.BLOCKED})  # it begins by itself some time
CANCELLABLE = WAITING | {State.RUNNING, State.UNKNOWN}
# A scheduled one runs at once then, the others run again.
RETRIABLE = frozenset(
    {
        State.SCHEDULED,
        State.COMPLETED,
        State.FAILED,
        State.CANCELLED,
        State.EXPIRED,
        State.UNKNOWN,
    }
)


class Ending(NamedTuple):
    """What is written of an attempt that ended.

    ``state`` is a state of the history, or READY / SCHEDULED for a job that comes back after
    ``delay`` seconds. ``counted`` False takes back the attempt that the claim counted.
    ``has_begun`` False: nothing of it was done, so the job may still expire.
    ``error`` and ``traceback`` become a row of ``coserver_error``; ``note`` is for the log only.
    ``is_written``: the store has it already.
    """

    key: RunKey
    state: State
    result: Any = None
    error: str | None = None
    traceback: str | None = None
    delay: float = 0
    counted: bool = True
    has_begun: bool = True
    is_written: bool = False
    note: str | None = None


def complete(job: Job, result: Any = None, *, is_written: bool = False) -> Ending:
    """The work is done."""
    return Ending(job.key, State.COMPLETED, result, is_written=is_written)


def fail(job: Job, failure: Failed) -> Ending:
    """No further attempt will be made."""
    return Ending(key=job.key, state=State.FAILED, error=failure.error, traceback=failure.traceback)


def retry(job: Job, failure: Failed, delay: float) -> Ending:
    """Another attempt follows after ``delay`` seconds."""
    return Ending(
        key=job.key,
        state=State.SCHEDULED,
        error=failure.error,
        traceback=failure.traceback,
        delay=delay,
    )


def snooze(job: Job, delay: float) -> Ending:
    """The task wants to be run later."""
    return Ending(key=job.key, state=State.SCHEDULED, delay=delay, counted=False)


def cancel(job: Job, reason: str) -> Ending:
    """The job ends on somebody's request."""
    return Ending(key=job.key, state=State.CANCELLED, error=reason)


def release(job: Job, *, has_begun: bool = False) -> Ending:
    """The job goes back to its queue as if it had not been claimed."""
    return Ending(key=job.key, state=State.READY, counted=False, has_begun=has_begun)


def postpone(job: Job, hindered: NotTried) -> Ending:
    """The job wasn't tried, and is looked at again later."""
    return Ending(
        key=job.key,
        state=State.SCHEDULED,
        delay=hindered.delay,
        counted=False,
        has_begun=False,
        note=hindered.reason,
    )


def overran(job: Job) -> Failed:
    """The job didn't heed its timeout, and its process had to be killed."""
    return Failed(
        error=f"The job took longer than its timeout of {job.timeout:g} s and didn't stop by "
        "itself, so the process that ran it was killed."
    )


def conclude(
    job: Job,
    outcome: Outcome,
    *,
    backoff: Backoff,
    policy: RetryPolicy = PLAIN,
    random: Callable[[], float] = random_module.random,
) -> Ending:
    """Return what follows from ``outcome`` for ``job``.

    ``backoff`` is the consumer's, ``policy`` the task's.
    """
    match outcome:
        case Completed():
            return complete(job, outcome.result, is_written=outcome.is_written)
        case Failed():
            return _after_failure(job, outcome, policy, policy.backoff or backoff, random)
        case Snoozed():
            return snooze(job, outcome.delay)
        case Cancelled():
            return cancel(job, outcome.reason)
        case Released():
            return release(job)
        case NotTried():
            return postpone(job, outcome)
        case _:
            assert_never(outcome)


def describe_cancel(by: str | None) -> str:
    """Return how the error of a job begins that somebody has cancelled."""
    return f"{CANCELLED} by {by}" if by else CANCELLED


def heed_cancel(ending: Ending, *, asked: str | None) -> Ending:
    """Return how a job ends that somebody has asked to stop: as cancelled, unless it is completed.

    Nobody wants it run again, nor looked into because its attempt failed. ``asked`` is what
    ``describe_cancel`` says, None if nobody has asked.
    """
    if asked is None or ending.state is State.COMPLETED:
        return ending
    return Ending(key=ending.key, state=State.CANCELLED, error=asked + _add_reason(ending))


def _add_reason(ending: Ending) -> str:
    """Return what a cancelled job's error says of its attempt's own end."""
    if ending.error is None or ending.error == CANCELLED:
        return ""
    if ending.state is State.CANCELLED:
        return f"; {ending.error}"
    return f"; its attempt had failed: {ending.error}"


def _after_failure(
    job: Job,
    failure: Failed,
    policy: RetryPolicy,
    backoff: Backoff,
    random: Callable[[], float],
) -> Ending:
    if not failure.retry or job.attempt >= policy.attempts(job.max_attempts):
        return fail(job, failure)
    if failure.wait is not None:
        return retry(job, failure, failure.wait)
    wait = backoff.delay(job.attempt, random=random, at_least=failure.retry_after)
    return retry(job, failure, wait)
