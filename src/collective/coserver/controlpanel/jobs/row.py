"""One job as a row of the table."""

from __future__ import annotations

from dataclasses import dataclass

from plone import api
from zope.i18nmessageid import Message

from collective.coserver.controlpanel.jobs.states import COLOURS, TITLES
from collective.coserver.functions.run_as import SYSTEM
from collective.coserver.i18n import _
from collective.coserver.identity.rerun import states_to_retry
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import CANCELLABLE, WAITING
from coserver_consumer.model.moments import to_utc
from coserver_consumer.model.retry import PLAIN

BEYOND = (1, 9999)  # years in which some time zones are outside of the calendar
EXCERPT = 200  # characters of an error


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the template shows of a job.

    ``is_manager``: whether who looks may manage jobs. ``reason``: why it waits, if somebody asked.
    ``last_error`` and ``traceback`` are those of its last attempt, if that failed.
    """

    job: Job
    is_manager: bool = False
    reason: str = ""
    last_error: str = ""
    traceback: str = ""

    @property
    def state(self) -> Message:
        """The state's name."""
        return TITLES[self.job.state]

    @property
    def colour(self) -> str:
        """The colour of the state, as Bootstrap calls it."""
        return COLOURS.get(self.job.state, "secondary")

    @property
    def owner(self) -> str | None:
        """As whom it runs: a user's id, ``system``, or None for Anonymous."""
        args = self.job.args if isinstance(self.job.args, dict) else {}
        return self.job.owner or (SYSTEM if args.get("run_as") == SYSTEM else None)

    @property
    def created(self) -> str:
        """When the job was queued, in the site's time zone and format.

        Another program may have written a time that no calendar has: then the number.
        """
        moment = to_utc(self.job.created_at)
        if moment is None or moment.year in BEYOND:
            return str(self.job.created_at)
        return api.portal.get_localized_time(datetime=moment, long_format=True)

    @property
    def attempts(self) -> Message:
        """Which attempt it is, or was, of how many; tasks of Zope's have no number of their own."""
        return _(
            "attempts_of_most",
            default="${attempt} of ${most}",
            mapping={"attempt": self.job.attempt, "most": PLAIN.attempts(self.job.max_attempts)},
        )

    @property
    def note(self) -> str:
        """Why a job waits, how far a running one is, or what went wrong with one that was tried."""
        if self.reason:
            return self.reason
        if self.job.state is State.RUNNING and self.job.progress is not None:
            return f"{self.job.progress:.0%} {self.job.progress_text or ''}".rstrip()
        error = self.job.error or self.last_error
        return error if len(error) <= EXCERPT else f"{error[:EXCERPT]}…"

    @property
    def is_waiting(self) -> bool:
        """True if one may ask why it isn't running."""
        return self.job.state in WAITING or self.job.state is State.STAGED

    @property
    def can_cancel(self) -> bool:
        """True if cancelling may still change something."""
        return self.job.state in CANCELLABLE

    @property
    def can_retry(self) -> bool:
        """True if the job may be run again, or sooner."""
        return self.job.state in states_to_retry(self.job, is_manager=self.is_manager)

    @property
    def retry(self) -> Message:
        """What running the job again is called: of one that is due later it isn't again."""
        if self.job.state is State.SCHEDULED and not self.job.attempt:
            return _("button_run_now", default="Run now")
        return _("button_retry", default="Retry")
