"""What may be said of any job, whichever door it comes in by. Pure.

``JobOptions`` is what was said, checked: ``queue.add``, ``@task``, ``Client`` and the command line
make it from their keywords. ``None`` is "not said" everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from operator import index
from typing import Any, Self, TypedDict

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.job import MAX_ATTEMPTS

SECOND = 1_000_000  # microseconds
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = 86_400.0  # seconds

MAX_PRIORITY = 1_000_000  # minutes of head start: two years
MOST_ATTEMPTS = 1_000_000
MAX_DELAY = 36_525 * DAY  # a hundred years
MAX_TIMEOUT = 20 * DAY  # what sockets take, in milliseconds of 31 bits, and a little less
EARLIEST, LATEST = 10**15, 253_402_300_799_999_999  # 2001-09-09 to the year 9999

Seconds = float | timedelta
Reader = Callable[[str, Any], Any]
"""Returns the value of the option of that name; raises ``InvalidJob`` saying what is wanted."""


class Said(TypedDict, total=False):
    """The keywords of ``JobOptions``, and what they may be."""

    queue: str | None
    priority: int | None
    delay: Seconds | None
    eta: datetime | None
    max_attempts: int | None
    timeout: Seconds | None
    title: str | None
    unique: str | None
    unique_for: Seconds | None
    limit: str | None
    requires: Iterable[str] | None
    after: Iterable[str] | None
    accepts_failure: bool | None


def read_whole(name: str, value: Any, *, least: int, most: int) -> int:
    """Return a whole number in that range."""
    wanted = f"a whole number from {least} to {most}"
    if isinstance(value, bool):
        raise _refuse(name, value, wanted)
    try:
        number = index(value)
    except TypeError:
        raise _refuse(name, value, wanted) from None
    if not least <= number <= most:
        raise _refuse(name, value, wanted)
    return number


def read_seconds(name: str, value: Any, *, most: float, is_positive: bool = False) -> float:
    """Return a number of seconds; a ``timedelta`` is welcome."""
    wanted = f"seconds or a timedelta, {'more than 0' if is_positive else 'finite'}, "
    wanted += f"at most {most:.0f} ({most / DAY:.0f} days)"
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise _refuse(name, value, wanted)
    if not -most <= seconds <= most or (is_positive and seconds <= 0):  # nan is in no range
        raise _refuse(name, value, wanted)
    return seconds


def read_snooze(seconds: Any) -> float:
    """Return how long a job is to snooze; raise ``InvalidJob``."""
    if (wait := read_seconds("seconds", seconds, most=MAX_DELAY)) < 0:
        raise _refuse("seconds", seconds, "0 or more")
    return wait


def read_moment(name: str, value: Any) -> datetime:
    """Return a moment that has a time zone, in the years that a database can hold.

    A time without a zone is refused: whether it meant UTC, the server's zone or the site's would
    be a guess.
    """
    if not isinstance(value, datetime):
        raise _refuse(name, value, "a datetime with a time zone")
    try:
        offset = value.utcoffset()
    except Exception as error:
        raise _refuse(name, value, "a datetime whose time zone can tell its offset") from error
    if offset is None:
        raise InvalidJob(
            f"{name} is {value.isoformat()}, which has no time zone; "
            "pass one that has, such as datetime.now(UTC) + timedelta(hours=1)."
        )
    if not EARLIEST <= to_microseconds(value) <= LATEST:
        raise _refuse(name, value.isoformat(), "a moment between the years 2001 and 9999")
    return value


def to_microseconds(moment: datetime) -> int:
    """Return the moment as microseconds since the epoch."""
    return (moment - EPOCH) // MICROSECOND


def _read_text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _refuse(name, value, "text")
    return value


def _read_key(name: str, value: Any) -> str:
    """Return a key. An empty one, as an unset variable gives it, would make one job of all."""
    if _read_text(name, value) == "":
        raise InvalidJob(f"{name} is empty: give a key, or leave it out for a job that has none.")
    return str(value)


def _read_names(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise InvalidJob(f"{name} is a list, such as [{brief(value)}].")
    wanted = "a list of texts"
    try:
        names = tuple(value)
    except TypeError:
        raise _refuse(name, value, wanted) from None
    if not all(isinstance(each, str) for each in names):
        raise _refuse(name, value, wanted)
    return names


def read_flag(name: str, value: Any) -> bool:
    """Return True or False, which is what nothing means."""
    return value is not None and _read_bool(name, value)


def _read_bool(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refuse(name, value, "True or False")
    return value


def _read_priority(name: str, value: Any) -> int:
    return read_whole(name, value, least=-MAX_PRIORITY, most=MAX_PRIORITY)


def _read_attempts(name: str, value: Any) -> int:
    return read_whole(name, value, least=1, most=MOST_ATTEMPTS)


def _read_delay(name: str, value: Any) -> float:
    return read_seconds(name, value, most=MAX_DELAY)


def _read_timeout(name: str, value: Any) -> float:
    return read_seconds(name, value, most=MAX_TIMEOUT, is_positive=True)


def _refuse(name: str, value: Any, wanted: str) -> InvalidJob:
    return InvalidJob(f"{name} is {brief(value)}, wanted {wanted}.")


def _option(read: Reader, default: Any = None) -> Any:
    return field(default=default, metadata={"read": read})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What was said of a job, checked.

    ``priority``: a point is a head start of a minute. ``delay``, ``timeout`` and ``unique_for`` are
    in seconds, or a ``timedelta``; ``eta`` has a time zone, and goes without a ``delay``.
    ``unique``: nothing is queued while another live job has the same key; ``unique_for`` says until
    when instead: 0 until it is claimed, a number of seconds until so long after it was queued.
    ``limit``: of the jobs with this key only so many run at once as its limit says, one unless
    somebody set another. ``requires``: what a consumer must be capable of. ``after``: ids of jobs
    that must be completed first, or, with ``accepts_failure``, that must have ended.

    Raises ``InvalidJob`` naming the option, its value and what is wanted.
    """

    queue: str = _option(_read_text, "default")
    priority: int = _option(_read_priority, 0)
    delay: float = _option(_read_delay, 0)
    eta: datetime | None = _option(read_moment)  # noqa: RUF009  it makes a field, like the others
    max_attempts: int = _option(_read_attempts, MAX_ATTEMPTS)
    timeout: float | None = _option(_read_timeout)
    title: str | None = _option(_read_text)
    unique: str | None = _option(_read_key)
    unique_for: float | None = _option(_read_delay)
    limit: str | None = _option(_read_text)
    requires: tuple[str, ...] = _option(_read_names, ())
    after: tuple[str, ...] = _option(_read_names, ())
    accepts_failure: bool = _option(_read_bool, default=False)

    def __post_init__(self) -> None:
        for each in fields(self):
            said = getattr(self, each.name)
            value = each.default if said is None else each.metadata["read"](each.name, said)
            object.__setattr__(self, each.name, value)
        if self.eta is not None and self.delay:
            raise InvalidJob("A job has a delay or an eta, not both.")
        if self.unique_for is not None and (self.unique is None or self.unique_for < 0):
            raise InvalidJob("unique_for is in seconds, 0 or more, and goes with a unique key.")

    def change(self, **said: Any) -> Self:
        """Return other options: what is said now goes before what was said.

        A delay takes the place of an eta, and an eta that of a delay.
        """
        refuse_unknown(said)
        if said.get("eta") is not None:
            said.setdefault("delay", None)
        elif said.get("delay"):
            said.setdefault("eta", None)
        return replace(self, **said)

    def as_fields(self) -> dict[str, Any]:
        """Return them as ``NewJob`` calls them."""
        return {
            "queue": self.queue,
            "priority": self.priority,
            "delay": self.delay,
            "run_at": None if self.eta is None else to_microseconds(self.eta),
            "max_attempts": self.max_attempts,
            "timeout": self.timeout,
            "title": self.title,
            "unique_key": self.unique,
            "unique_for": self.unique_for,
            "concurrency_key": self.limit or "",
            "requires": self.requires,
            "after": self.after,
            "accepts_failure": self.accepts_failure,
        }


NAMES = tuple(each.name for each in fields(JobOptions))


def read_options(said: Mapping[str, Any]) -> JobOptions:
    """Return the options that these keywords say; raise ``InvalidJob``."""
    refuse_unknown(said)
    return JobOptions(**said)


def refuse_unknown(said: Mapping[str, Any]) -> None:
    """Raise ``InvalidJob`` for a keyword that is none."""
    if unknown := set(said) - set(NAMES):
        raise InvalidJob(f"No option is called '{min(unknown)}'; known are: {', '.join(NAMES)}.")


def check_numbers(job: Any) -> None:
    """Raise ``InvalidJob`` if a new job has a number or a time that no option could have given."""
    _read_priority("priority", job.priority)
    _read_attempts("max_attempts", job.max_attempts)
    _read_delay("delay", job.delay)
    if job.timeout is not None:
        _read_timeout("timeout", job.timeout)
    if job.unique_for is not None:
        _read_delay("unique_for", job.unique_for)
    if job.run_at is not None and not EARLIEST <= job.run_at <= LATEST:
        raise InvalidJob(
            f"run_at is {job.run_at}; it is in microseconds since 1970, from {EARLIEST} "
            f"(in 2001) to {LATEST} (in 9999)."
        )
