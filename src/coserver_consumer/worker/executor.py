"""One attempt, in three steps: load the task, perform it, conclude what follows."""

from __future__ import annotations

from typing import Any

from coserver_consumer.model.current_job import CurrentJob, EndAttempt
from coserver_consumer.model.errors import InvalidJob, UnknownTask, Unsigned
from coserver_consumer.model.exception_text import words
from coserver_consumer.model.job import MAX_COUNT, Job
from coserver_consumer.model.lifecycle import Ending, conclude
from coserver_consumer.model.outcome import (
    Cancelled,
    Completed,
    Failed,
    NotTried,
    Outcome,
    Released,
    Snoozed,
)
from coserver_consumer.model.retry import PLAIN, RetryPolicy
from coserver_consumer.protocol.proof import verify
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import enqueue
from coserver_consumer.tasks.registry import Registry
from coserver_consumer.tasks.task import Task
from coserver_consumer.worker.keys import Keys
from coserver_consumer.worker.outcome_check import make_sound

OUTCOMES = (Completed, Failed, Snoozed, Cancelled, Released, NotTried)
DONE = Completed()


class Executor:
    """Runs attempts, in whichever thread calls it."""

    def __init__(self, *, registry: Registry, settings: Settings, keys: Keys) -> None:
        self._registry = registry
        self._keys = keys
        self._settings = settings
        self._backoff = settings.backoff
        self._in_zope = frozenset(registry.in_zope)

    def attempt(self, current: CurrentJob) -> Ending:
        """Run the job once and return how that ended. Never raises."""
        policy = self._registry.policy(current.job.task)
        try:
            task = self._load(current.job)
            outcome = _perform(task, current)
        except BaseException as error:  # noqa: BLE001  a task's sys.exit() is a failure like any
            outcome = as_outcome(error, policy)
        if current.ending is not None:  # whatever the task's code has done then
            outcome = current.ending
        if isinstance(outcome, Completed) and current.job.task not in self._in_zope:
            outcome = _make_unwritten(outcome)
        return conclude(current.job, outcome, backoff=self._backoff, policy=policy)

    def _load(self, job: Job) -> Task:
        """Return the job's task, after making sure that this job may run it."""
        task = self._registry.get(job.task)
        _check_counts(job)
        _check_arguments(job)
        enqueue.check_size_of_row(job, max_payload=self._settings.max_payload)
        if task.is_signed or job.owner is not None:
            self._verify(job)
        return task

    def _verify(self, job: Job) -> None:
        """Raise ``Unsigned`` for a job that may not run as a user; count one of a program's key."""
        settings = self._settings
        verify(
            job,
            settings.secret_text,
            self._keys.find,
            revoked=settings.revoked_keys,
            signed_days=settings.signed_days,
            attempts=self._registry.policy(job.task).attempts,
        )
        self._keys.note_use(job)


def _check_counts(job: Job) -> None:
    """Raise ``InvalidJob`` for a row whose attempts can't be counted, or told apart, any more."""
    for name, count in (("run", job.run), ("attempt", job.attempt)):
        if count >= MAX_COUNT:
            raise InvalidJob(
                f"The row's column {name} holds {count}, its upper bound, so the job can't be "
                "handed out again; another program must have written it. Queue the job anew."
            )


def _check_arguments(job: Job) -> None:
    """Raise ``InvalidJob`` for what some other program may have written into the row."""
    if not isinstance(job.args, dict):
        raise InvalidJob(
            'The arguments must be a JSON object, such as {"to": "a@example.com"}; '
            f"they are: {str(job.args)[:100]!r}"
        )
    if job.origin is not None and not isinstance(job.origin, dict):
        raise InvalidJob(
            f"The origin must be a JSON object or nothing; it is: {str(job.origin)[:100]!r}"
        )


def _perform(task: Task, current: CurrentJob) -> Outcome:
    """Return what the task returns as an outcome."""
    returned: Any = task.run(current)
    if returned is None:
        return DONE
    is_outcome = issubclass(type(returned), OUTCOMES)  # isinstance would ask the object
    return make_sound(returned if is_outcome else Completed(result=returned))


def as_outcome(error: BaseException, policy: RetryPolicy = PLAIN) -> Outcome:
    """Return what an exception means for the attempt that it ended, of a task with this policy.

    Never raises, whatever the exception does when it is looked at.
    """
    try:
        return _find_outcome(error, policy)
    except BaseException:  # noqa: BLE001  it was made to mislead
        return Failed.because_of(error)


def _make_unwritten(outcome: Completed) -> Outcome:
    """Return it as one that the consumer has to write: only a job in Zope has written its own."""
    return make_sound(Completed(result=outcome.result)) if outcome.is_written else outcome


def _find_outcome(error: BaseException, policy: RetryPolicy) -> Outcome:
    match error:
        case EndAttempt():
            return make_sound(error.outcome)
        case UnknownTask():
            return Released()
        case InvalidJob() | Unsigned():
            return Failed(error=words(error), retry=False)
        case _:
            return Failed.because_of(error, retry=policy.allows(error))
