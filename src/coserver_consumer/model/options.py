"""What may be said of any job, whichever door it comes in by. Pure.

``JobOptions`` declares each option once: its type with its limits, its default, what it means, and
by its name its flag: ``max_attempts`` is ``--max-attempts``. ``queue.add``, ``@task``, ``Client``
and the command line make it from what they are told, and a ``NewJob`` holds it. ``None`` is "not
said" everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Self, TypedDict

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.moments import SECOND
from coserver_consumer.model.queue_name import MAX_QUEUE_NAME_CHARS
from coserver_consumer.model.texts import make_line
from coserver_consumer.model.value_types import (
    DAY_S,
    LATEST_US,
    Expiry,
    Flag,
    FollowUp,
    JobId,
    JobIds,
    Key,
    Moment,
    Names,
    Seconds,
    Span,
    Text,
    Unqueued,
    ValueType,
    WholeNumber,
    to_microseconds,
)

MAX_DELAY_S = 36_525 * DAY_S  # a hundred years
MAX_BY_CHARS = 190  # of who changes something; the audit takes no more
MAX_TIMEOUT_S = 20 * DAY_S  # what sockets take, in milliseconds of 31 bits, and a little less
PRIORITY = WholeNumber(least=-1_000_000, most=1_000_000)  # minutes: two years


class OptionsBesideQueue(TypedDict, total=False):
    """The keywords of ``JobOptions`` but ``queue``, and what they may be."""

    priority: int | None
    delay: Span | None
    eta: datetime | None
    expires: datetime | Span | None
    max_attempts: int | None
    timeout: Span | None
    title: str | None
    unique: str | None
    unique_for: Span | None
    limit: str | None
    requires: Iterable[str] | None
    after: Iterable[str] | None
    accepts_failure: bool | None
    on_success: Unqueued | None
    on_failure: Unqueued | None
    id: str | None


class Options(OptionsBesideQueue, total=False):
    """The keywords of ``JobOptions``, and what they may be."""

    queue: str | None


def option(meaning: str, kind: ValueType, *, default: Any = None) -> Any:
    """Declare one option; ``meaning`` is its help, in a sentence or two."""
    return field(default=default, metadata={"meaning": meaning, "type": kind})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What was said of a job, checked. Spans of time are in seconds.

    ``None`` is "not said", and becomes the default. Raises ``InvalidJob`` naming the option, its
    value and what is wanted. The options:
    """

    queue: str = option(
        "The queue, one that a consumer has made known.",
        Text(longest=MAX_QUEUE_NAME_CHARS, metavar="NAME"),
        default="default",
    )
    priority: int = option(
        "Each point is a minute's head start; negative ones wait.",
        PRIORITY,
        default=0,
    )
    delay: float = option(
        "Not before that time has passed.",
        Seconds(least=-MAX_DELAY_S, most=MAX_DELAY_S),
        default=0,
    )
    eta: datetime | None = option(  # noqa: RUF009  it makes a field, like the others
        "Not before then, such as 2030-01-31T08:00. Not together with a delay.", Moment()
    )
    expires: datetime | float | None = option(  # noqa: RUF009  as above
        "A moment, or a span from now: if no attempt has begun by then, it ends as `expired`.",
        Expiry(most=MAX_DELAY_S),
    )
    max_attempts: int | None = option(
        "How many attempts may be made in all; without it as many as the job's task says, or 5.",
        WholeNumber(least=1, most=1_000_000),
    )
    timeout: float | None = option(
        "How long an attempt may take.",
        Seconds(least=0, most=MAX_TIMEOUT_S, is_positive=True),
    )
    title: str | None = option("What people read in lists.", Text(longest=1024))
    unique: str | None = option("None is queued while one with this key is live.", Key(longest=255))
    unique_for: float | None = option(
        "With `unique`: the key is held so long after it was queued, whether it has ended or not; "
        "0: until a consumer takes it.",
        Seconds(least=0, most=MAX_DELAY_S),
    )
    limit: str | None = option(
        "Of the jobs with this key only so many run at once as `coserver limits` says, one if it "
        "says nothing.",
        Key(longest=190),
    )
    requires: tuple[str, ...] = option(
        "What its consumer must be capable of.", Names(longest=255), default=()
    )
    after: tuple[str, ...] = option("Not before that job is completed.", JobIds(), default=())
    accepts_failure: bool = option(
        "With `after`: also if that job fails.",
        Flag(),
        default=False,
    )
    on_success: Unqueued | None = option(  # noqa: RUF009  it makes a field, like the others
        "A job that is queued with this one, and runs once this one is completed.", FollowUp()
    )
    on_failure: Unqueued | None = option(  # noqa: RUF009  the same
        "A job that is queued with this one, and runs once this one has failed, expired or was "
        "cancelled.",
        FollowUp(),
    )
    id: str | None = option("Its id, a UUID that no job has had; without it a new one.", JobId())

    def __post_init__(self) -> None:
        for each in fields(self):
            said = getattr(self, each.name)
            if said is not each.default:
                kind: ValueType = each.metadata["type"]
                value = each.default if said is None else kind.read(each.name, said)
                object.__setattr__(self, each.name, value)
        if self.eta is not None and self.delay:
            raise InvalidJob("A job has a delay or an eta, not both: leave one of them out.")
        if self._expires_too_early():
            raise InvalidJob(
                f"expires is {_show(self.expires)}, when the job isn't due yet (its "
                f"{'delay' if self.eta is None else 'eta'} is {_show(self.eta or self.delay)}), "
                "so it could never run: let it expire later, or leave one of them out."
            )
        if self.unique_for is not None and self.unique is None:
            raise InvalidJob("unique_for goes with a unique key: give one, or leave it out.")

    @property
    def run_at(self) -> int | None:
        """The ``eta`` as the store has it: microseconds since the epoch."""
        return None if self.eta is None else to_microseconds(self.eta)

    def find_due(self, now: int) -> int:
        """Return when it is due if it is queued ``now``, both in microseconds since the epoch."""
        return now + _to_microseconds(max(0, self.delay)) if self.run_at is None else self.run_at

    def find_expiry(self, now: int) -> int | None:
        """Return when it expires if it is queued ``now``, both in microseconds since the epoch."""
        match self.expires:
            case datetime() as moment:
                return to_microseconds(moment)
            case int() | float() as seconds:
                return min(now + _to_microseconds(seconds), LATEST_US)
            case None:
                return None

    def _expires_too_early(self) -> bool:
        """Return True if it would expire before it is due, as far as no clock is needed for that.

        A span and a moment can't be compared without one: such a job just expires.
        """
        match self.expires, self.eta:
            case datetime() as expires, datetime() as eta:
                return expires <= eta
            case int() | float() as expires, None:
                return expires <= self.delay
            case _:
                return False

    def change(self, **said: Any) -> Self:
        """Return other options: what is said now, also ``None``, goes before what was said.

        A delay takes the place of an eta, and an eta that of a delay.
        """
        refuse_unknown(said)
        if said.get("eta") is not None:
            said.setdefault("delay", None)
        elif said.get("delay") is not None:
            said.setdefault("eta", None)
        return replace(self, **said)


NAMES = tuple(each.name for each in fields(JobOptions))
JobOptions.__doc__ = f"{JobOptions.__doc__}\n" + "\n".join(
    f"    ``{each.name}``: {each.metadata['meaning']}" for each in fields(JobOptions)
)


def read_options(said: Mapping[str, Any]) -> JobOptions:
    """Return the options that these keywords say; raise ``InvalidJob``."""
    refuse_unknown(said)
    return JobOptions(**said)


def refuse_moot(options: JobOptions) -> None:
    """Raise ``InvalidJob`` for what says nothing of a job that is queued by itself."""
    if options.accepts_failure and not options.after:
        raise InvalidJob(
            "accepts_failure goes with after: name the jobs that it comes after, or leave it out."
        )


def refuse_unknown(said: Mapping[str, Any], *, beside: Sequence[str] = ()) -> None:
    """Raise ``InvalidJob`` for a keyword that is none; ``beside`` are those that a door adds."""
    known = (*NAMES, *beside)
    if unknown := set(said) - set(known):
        raise InvalidJob(f"No option is called '{min(unknown)}'; known are: {', '.join(known)}.")


def _to_microseconds(seconds: float) -> int:
    return round(seconds * SECOND)


def _show(time: datetime | float | None) -> str:
    return time.isoformat() if isinstance(time, datetime) else f"{time:g} s"


def read_snooze(seconds: Any) -> float:
    """Return how long a job is to snooze; raise ``InvalidJob``."""
    return Seconds(least=0, most=MAX_DELAY_S).read("seconds", seconds)


def read_wait(timeout: Any) -> float | None:
    """Return how many seconds somebody waits, None without an end; raise ``InvalidJob``."""
    if timeout is None:
        return None
    return Seconds(least=-MAX_DELAY_S, most=MAX_DELAY_S).read("timeout", timeout)


def read_by(name: Any) -> str | None:
    """Return who changes something, as a line for the audit; raise ``InvalidJob``."""
    if name is None:
        return None
    said = Text(longest=MAX_BY_CHARS).read("by", name)
    return make_line(said, MAX_BY_CHARS) or None


def read_flag(name: str, value: Any) -> bool:
    """Return True or False, which is what ``None`` means; raise ``InvalidJob``."""
    return value is not None and Flag().read(name, value)
