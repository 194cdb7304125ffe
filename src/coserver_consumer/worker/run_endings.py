"""How a run ends that was to stop, that hangs, or that the consumer stumbled over. Pure."""

from __future__ import annotations

from typing import assert_never

from coserver_consumer.model.exception_text import describe, format_traceback
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import Ending, cancel, conclude, overran, release
from coserver_consumer.model.outcome import Failed
from coserver_consumer.model.retry import Backoff, RetryPolicy
from coserver_consumer.worker.run import Run, Stop


def conclude_attempt(run: Run, ending: Ending) -> Ending:
    """Return how a run ends whose attempt has ended like this.

    Nobody has cancelled a lost job: if it is ours even so, it is run again. Nor is it a job's fault
    that its process ends. An attempt of a killed job that fails was broken off for that.
    """
    match run.stop:
        case None | Stop.CANCELLED:
            return ending
        case Stop.KILLED:
            return _cancel_killed(run.job) if ending.state is State.FAILED else ending
        case Stop.LOST:
            is_broken_off = ending.state is State.CANCELLED
            return release(run.job, has_begun=ending.has_begun) if is_broken_off else ending
        case Stop.SHUTDOWN:
            return ending if ending.is_written else release(run.job, has_begun=ending.has_begun)
        case _:
            assert_never(run.stop)


def conclude_hanging(run: Run, *, backoff: Backoff, policy: RetryPolicy) -> Ending:
    """Return how a run ends that its process is killed for; ``policy`` is the task's."""
    if run.stop is Stop.KILLED:
        return _cancel_killed(run.job)
    return conclude(run.job, overran(run.job), backoff=backoff, policy=policy)


def _cancel_killed(job: Job) -> Ending:
    return cancel(job, "the process that ran it was killed")


def explain_break(error: BaseException | None) -> Failed:
    """Return the failure of an attempt that the consumer itself stumbled over.

    ``error`` is None if the thread has ended without a word.
    """
    why = "its thread has ended" if error is None else describe(error)
    return Failed(
        error=f"The consumer couldn't bring this attempt to an end: {why}.",
        traceback=None if error is None else format_traceback(error),
    )
