"""The types of what callers hand over: each returns a value that fits, or refuses it. Pure.

Callers may have no type checker, and at some doors there is only text. All types refuse by
``InvalidJob``: what it is called, what it is, and what is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import index
from typing import Any, Protocol

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief, brief_text
from coserver_consumer.model.job import read_id
from coserver_consumer.model.texts import is_storable

DAY_S = 86_400.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# Microseconds since the epoch, 2001-09-09 to the year 9999: what the tables take.
EARLIEST_US, LATEST_US = 10**15, 253_402_300_799_999_999

HOW = "what job(...) returns, that of the queue or client or of a task"
LISTED = "names, without commas, not beginning or ending with a space"

Span = float | timedelta
"""A span of time as callers may give it: a number of seconds, or a ``timedelta``."""


class ValueType(Protocol):
    """A type of value."""

    @property
    def metavar(self) -> str:
        """What stands for the value in the help of a command."""

    def read(self, name: str, value: Any) -> Any:
        """Return the value as the type has it; raise ``InvalidJob`` that begins with ``name``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeNumber:
    """A whole number in a range, whose ends belong to it. ``True`` isn't taken for 1."""

    least: int
    most: int
    metavar: str = "NUMBER"

    def read(self, name: str, value: Any) -> int:
        """Return the number; anything that can be an index is one."""
        wanted = f"a whole number from {self.least} to {self.most}"
        if isinstance(value, bool):
            raise refuse(name, value, wanted)
        try:
            number = index(value)
        except TypeError:
            raise refuse(name, value, wanted) from None
        if not self.least <= number <= self.most:
            raise refuse(name, value, wanted)
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """A span of time in a range, in seconds; ``is_positive`` leaves out 0 at its end."""

    least: float
    most: float
    is_positive: bool = False
    metavar: str = "SECONDS"

    def read(self, name: str, value: Any) -> float:
        """Return the seconds of a number or of a ``timedelta``."""
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise refuse(name, value, self._wanted)
        if not self.least <= seconds <= self.most or (self.is_positive and seconds == 0):
            raise refuse(name, value, self._wanted)  # also nan, which is in no range
        return seconds

    @property
    def _wanted(self) -> str:
        low = "more than 0 and up" if self.is_positive else f"from {self.least:.0f}"
        days = f"{self.most / DAY_S:.0f} days"
        return f"seconds or a timedelta, {low} to {self.most:.0f} ({days})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A ``datetime`` with a time zone, in the years that the tables can hold.

    A time without a zone is refused: whether it meant UTC, the server's zone or the site's would
    be a guess. ``example`` is what the refusal suggests.
    """

    example: str = "datetime.now(UTC) + timedelta(hours=1)"
    metavar: str = "TIME"

    def read(self, name: str, value: Any) -> datetime:
        """Return the moment as it is."""
        if not isinstance(value, datetime):
            raise refuse(name, value, "a datetime with a time zone")
        try:
            offset = value.utcoffset()
        except Exception as error:
            raise refuse(name, value, "a datetime whose time zone can tell its offset") from error
        if offset is None:
            raise InvalidJob(
                f"{name} is {value.isoformat()}, which has no time zone; "
                f"pass one that has, such as {self.example}."
            )
        if not EARLIEST_US <= to_microseconds(value) <= LATEST_US:
            raise refuse(name, value.isoformat(), "a moment between the years 2001 and 9999")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """A ``Moment``, or a span from now of so many seconds at most, which is more than 0."""

    most: float
    metavar: str = "TIME"

    def read(self, name: str, value: Any) -> datetime | float:
        """Return the moment as it is, or the seconds of a number or of a ``timedelta``."""
        if isinstance(value, datetime):
            return Moment().read(name, value)
        if isinstance(value, int | float | timedelta):
            return Seconds(least=0, most=self.most, is_positive=True).read(name, value)
        raise refuse(name, value, "a datetime with a time zone, or seconds or a timedelta from now")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text of so many characters at most, which each of the databases can hold."""

    longest: int
    metavar: str = "TEXT"

    def read(self, name: str, value: Any) -> str:
        """Return the text as it is."""
        if not isinstance(value, str):
            raise refuse(name, value, "text")
        check_text(name, value, longest=self.longest)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Text that isn't empty: an empty key, as an unset variable gives it, makes one job of all."""

    longest: int
    metavar: str = "KEY"

    def read(self, name: str, value: Any) -> str:
        """Return the text as it is."""
        if Text(longest=self.longest).read(name, value) == "":
            raise InvalidJob(
                f"{name} is empty: give a key, or leave it out for a job that has none."
            )
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Texts; with commas between them they have so many characters at most."""

    longest: int
    metavar: str = "NAME"

    def read(self, name: str, value: Any) -> tuple[str, ...]:
        """Return the texts of anything that can be gone through but a text."""
        names = read_texts(name, value)
        for each in names:
            if not can_be_listed(each):
                raise InvalidJob(f"{name} has {brief(each)}, wanted {LISTED}.")
        check_text(name, ",".join(sorted(set(names))), longest=self.longest)
        return names


@dataclass(frozen=True, slots=True, kw_only=True)
class JobId:
    """The id of a job: a UUID as text."""

    metavar: str = "ID"

    def read(self, name: str, value: Any) -> str:
        """Return the id as the tables have it, in lower case."""
        found = read_id(value)
        if found is None:
            raise refuse(name, value, "a UUID as text, such as str(uuid.uuid4())")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class JobIds:
    """Ids of jobs."""

    metavar: str = "ID"

    def read(self, name: str, value: Any) -> tuple[str, ...]:
        """Return the ids of anything that can be gone through but a text, in lower case."""
        return tuple(_read_parent(name, each) for each in read_texts(name, value))


def _read_parent(name: str, value: str) -> str:
    found = read_id(value)
    if found is None:
        raise InvalidJob(f"{name} has {brief(value)}, which isn't the id of a job.")
    return found


class Unqueued:
    """A job that isn't queued yet: a ``NewJob``, which is made of values such as these."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """A job that isn't queued yet. Only code has such: no command line can say one."""

    metavar: str = ""

    def read(self, name: str, value: Any) -> Unqueued:
        """Return the job as it is."""
        if not isinstance(value, Unqueued):
            raise refuse(name, value, HOW)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """``True`` or ``False``; at the command line it is said by naming it."""

    metavar: str = ""

    def read(self, name: str, value: Any) -> bool:
        """Return the value as it is."""
        if not isinstance(value, bool):
            raise refuse(name, value, "True or False")
        return value


def can_be_listed(name: str) -> bool:
    """Return True if a name can stand in a text with others, with commas between them."""
    return name.strip() == name != "" and "," not in name


def refuse(name: str, value: Any, wanted: str) -> InvalidJob:
    """Return the error that says what is wrong with a value, and what is wanted."""
    return InvalidJob(f"{name} is {brief(value)}, wanted {wanted}.")


def check_text(name: str, text: str, *, longest: int) -> None:
    """Raise ``InvalidJob`` for a text that a database would refuse, or cut, less clearly."""
    if len(text) > longest:
        raise InvalidJob(
            f"{name} has {len(text)} characters; the limit is {longest}: {brief_text(text)}"
        )
    if not is_storable(text):
        what = "NUL" if "\0" in text else "lone surrogate"
        raise InvalidJob(f"{name} has a {what}, a character that not every database can hold.")


def to_microseconds(moment: datetime) -> int:
    """Return the moment as microseconds since the epoch."""
    return (moment - EPOCH) // MICROSECOND


def read_texts(name: str, value: Any) -> tuple[str, ...]:
    """Return the texts of anything that can be gone through but a text; raise ``InvalidJob``."""
    if isinstance(value, str):
        raise InvalidJob(f"{name} is a list, such as [{brief(value)}].")
    wanted = "a list of texts"
    try:
        texts = tuple(value)
    except TypeError:
        raise refuse(name, value, wanted) from None
    if not all(isinstance(each, str) for each in texts):
        raise refuse(name, value, wanted)
    return texts
