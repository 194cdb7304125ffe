"""What a task is given to know its job and to speak with the consumer that runs it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from coserver_consumer.model.exception_text import words
from coserver_consumer.model.followed import FollowedJob
from coserver_consumer.model.job import Job
from coserver_consumer.model.options import read_snooze
from coserver_consumer.model.outcome import Cancelled, Failed, Outcome, Snoozed
from coserver_consumer.model.report import read_progress
from coserver_consumer.model.value_types import Span


class EndAttempt(Exception):
    """Raised inside a task to end the attempt at once with this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(words(outcome))
        self.outcome = outcome


@dataclass(slots=True, kw_only=True, eq=False)
class CurrentJob:
    """The running job. ``report``, ``is_cancelled`` and ``follow`` are the consumer's side of it.

    ``ending`` is how the task has ended the attempt: it holds although the task's code may catch
    what is raised then.
    """

    job: Job
    report: Callable[[float, str | None], None] = field(repr=False)
    is_cancelled: Callable[[], bool] = field(repr=False)
    follow: Callable[[], tuple[FollowedJob, ...]] = field(default=tuple, repr=False)
    started: float = field(default_factory=time.monotonic, repr=False)
    ending: Outcome | None = field(default=None, init=False, repr=False)

    @property
    def id(self) -> str:
        """The job's UUID as text."""
        return self.job.id

    @property
    def attempt(self) -> int:
        """Which attempt this is; the first is 1."""
        return self.job.attempt

    @property
    def queue(self) -> str:
        """The queue it came from."""
        return self.job.queue

    @property
    def args(self) -> dict[str, Any]:
        """The job's arguments; the executor has made sure that they are a mapping."""
        return dict(self.job.args)

    @property
    def payload(self) -> bytes | None:
        """The bytes that were queued with the job."""
        return self.job.payload

    @property
    def followed(self) -> tuple[FollowedJob, ...]:
        """What has become of the jobs that it came after, in the order of its option ``after``.

        They are read from the queue's database each time.
        """
        return self.follow()

    def progress(self, fraction: float, text: str | None = None) -> None:
        """Show people how far the job is: ``fraction`` from 0 to 1, and what is being done.

        Raises ``InvalidJob`` for what is no number, or no text.
        """
        self.report(*read_progress(fraction, text))

    def check_cancelled(self) -> None:
        """End the attempt here if somebody cancelled the job or its time is over.

        To be called now and then by a task that takes long, where it is safe to stop.
        """
        if self.is_cancelled():
            self._end(Cancelled())
        limit = self.job.timeout
        if limit is not None and time.monotonic() - self.started > limit:
            self._end(Failed(error=f"The job took longer than its timeout of {limit:g} s."))

    def snooze(self, seconds: Span) -> NoReturn:
        """End the attempt and run the job again in ``seconds``; the attempt isn't counted.

        Raises ``InvalidJob`` for what is no number of seconds from 0 on.
        """
        self._end(Snoozed(delay=read_snooze(seconds)))

    def _end(self, outcome: Outcome) -> NoReturn:
        """End the attempt; the first ending counts."""
        self.ending = self.ending or outcome
        raise EndAttempt(self.ending)
