"""One job as a row of the list."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

from zope.i18nmessageid import Message

from collective.coserver.controlpanel.states import Look, look_at
from collective.coserver.controlpanel.times import Moment, Times, exact_length, round_length
from collective.coserver.functions.run_as import SYSTEM
from collective.coserver.i18n import _
from collective.coserver.identity.rerun import states_to_retry
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import CANCELLABLE
from coserver_consumer.model.retry import PLAIN

EXCERPT = 200  # characters of an error


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the list shows of a job.

    ``link``: the address of its page. ``is_manager``: whether who looks may manage jobs,
    ``may_change``: whether they may change this one. ``last_error`` is that of its last attempt,
    if that failed; ``reason`` is why it waits, if that is known.
    """

    job: Job
    link: str
    times: Times
    is_manager: bool = False
    may_change: bool = False
    last_error: str = ""
    reason: str | Message = ""

    @property
    def look(self) -> Look:
        """How its state looks."""
        return look_at(self.job)

    @property
    def owner(self) -> str | None:
        """As whom it runs: a user's id, ``system``, or None for Anonymous."""
        args = self.job.args if isinstance(self.job.args, dict) else {}
        return self.job.owner or (SYSTEM if args.get("run_as") == SYSTEM else None)

    @property
    def queued(self) -> Moment:
        """When it was queued."""
        return self.times.tell(self.job.created_at)

    @property
    def error(self) -> str | Message:
        """What went wrong with one that failed or is tried again, in one line."""
        text = shorten(self.job.error or self.last_error)
        if not text or self.job.state is not State.SCHEDULED:
            return text
        return _(
            "attempt_failed",
            default="Attempt ${attempt} of ${most} failed: ${error}",
            mapping={"attempt": self.job.attempt, "most": self._most, "error": text},
        )

    @property
    def note(self) -> str | Message:
        """What a running job says of itself, or why one waits."""
        if self.job.state is State.RUNNING and self.job.progress_text:
            return shorten(self.job.progress_text)
        return self.reason

    @property
    def percent(self) -> int | None:
        """How far a running job is, from 0 to 100; None if it doesn't say."""
        progress = self.job.progress
        if self.job.state is not State.RUNNING or progress is None or isnan(progress):
            return None
        return round(100 * min(1.0, max(0.0, progress)))

    @property
    def stand(self) -> Message | str:
        """The one thing that matters in its state."""
        match self.job.state:
            case State.RUNNING | State.FINISHING if self.job.started_at is not None:
                return _("stand_running", default="for ${length}", mapping=self._since_start)
            case State.SCHEDULED if self.job.attempt:
                return self._due(_("stand_again", default="again in ${length}"))
            case State.SCHEDULED:
                return self._due(_("stand_planned", default="starts in ${length}"))
            case State.FAILED:
                return _("stand_failed", default="${tries} attempts", mapping={"tries": self.tries})
            case State.COMPLETED if self.job.started_at and self.job.ended_at:
                took = exact_length(max(0, self.job.ended_at - self.job.started_at))
                return _("stand_done", default="took ${length}", mapping={"length": took})
            case _:
                return ""

    @property
    def tries(self) -> Message:
        """Which attempt it is, or was, of how many; tasks of Zope's have no number of their own."""
        said = {"attempt": self.job.attempt, "most": self._most}
        return _("attempts_of_most", default="${attempt} of ${most}", mapping=said)

    @property
    def can_cancel(self) -> bool:
        """True if cancelling may still change something."""
        return self.may_change and self.job.state in CANCELLABLE

    @property
    def can_retry(self) -> bool:
        """True if the job may be run again, or sooner."""
        states = states_to_retry(self.job, is_manager=self.is_manager)
        return self.may_change and self.job.state in states

    @property
    def retry(self) -> Message:
        """What running the job again is called: of one that is due later it isn't again."""
        if self.job.state is State.SCHEDULED:
            return _("button_run_now", default="Run now")
        return _("button_retry", default="Retry")

    @property
    def _most(self) -> int:
        return PLAIN.attempts(self.job.max_attempts)

    @property
    def _since_start(self) -> dict[str, Message]:
        return {"length": round_length(max(0, self.times.now - (self.job.started_at or 0)))}

    def _due(self, said: Message) -> Message:
        """Return what is said with the time that is left; of a job that is due nothing is."""
        left = self.job.run_at - self.times.now
        if left <= 0:
            return _("stand_due", default="due now")
        return Message(said, mapping={"length": round_length(left)})


def shorten(text: str) -> str:
    """Return the first line of a text, or its beginning."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= EXCERPT else f"{line[:EXCERPT]}…"
