"""Exceptions and values that misbehave when somebody looks at them."""

from __future__ import annotations

from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.current_job import EndAttempt


class Mute(Exception):
    """One that can't say what it is, as dramatiq and Celery have met them."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class MuteExit(BaseException):
    """The same, and not even an ``Exception``."""

    def __str__(self) -> str:
        raise SystemExit(3)


class Text(str):
    """A text that breaks where it is put into another."""

    __slots__ = ()

    def __format__(self, how: str) -> str:
        raise RuntimeError("not in here")

    def __len__(self) -> int:
        raise RuntimeError("no length")


class Wordy(Exception):
    """One whose words are such a text."""

    def __str__(self) -> str:
        return Text("some words")


class Wrong(Exception):
    """One whose words are no text at all."""

    __str__ = Exception.__hash__  # type: ignore[assignment]


class Endless(Exception):
    """One that is longer than any log or table."""

    def __str__(self) -> str:
        return "x" * 10_000_000


class Liar(Exception):
    """One that says it is of another class."""

    __class__ = EndAttempt  # type: ignore[assignment]


class Hidden(Exception):
    """One that doesn't let anybody ask what it is."""

    @property
    def __class__(self):
        raise InvalidJob("don't ask")


class Nameless(type):
    """A class of exceptions without a name."""

    @property
    def __name__(cls) -> str:
        raise RuntimeError("no name")


class Anonymous(Exception, metaclass=Nameless):
    """One of those."""


def caused(depth: int) -> Exception:
    """Return an exception with so many causes, one of the other."""
    error = Exception("the first")
    for number in range(depth):
        after = Exception(number)
        after.__cause__ = error
        error = after
    return error


def nested(depth: int) -> ExceptionGroup:
    """Return a group of groups of groups."""
    group = ExceptionGroup("the inmost", [Mute()])
    for number in range(depth):
        group = ExceptionGroup(str(number), [group, Mute()])
    return group


def unprintable() -> SyntaxError:
    """Return an error whose place in a file is no number."""
    error = SyntaxError("odd")
    error.filename, error.lineno, error.offset = object(), Mute(), object()
    error.text = Text("text")
    return error


def noted() -> Exception:
    """Return one with notes that are no texts."""
    error = Exception("noted")
    error.__notes__ = [Mute(), 7]
    return error


class MuteJob(Mute, InvalidJob):
    """One that asks for no other attempt, and can't say why."""


MAKERS = {
    "mute": Mute,
    "mute exit": MuteExit,
    "text that breaks": Wordy,
    "no text": Wrong,
    "endless": Endless,
    "liar": Liar,
    "hidden": Hidden,
    "nameless": Anonymous,
    "deep causes": lambda: caused(5_000),
    "nested groups": lambda: nested(300),
    "syntax": unprintable,
    "notes": noted,
    "interrupt": KeyboardInterrupt,
    "generator": GeneratorExit,
    "ended with nothing": lambda: EndAttempt(None),  # type: ignore[arg-type]
    "ended with a liar": lambda: EndAttempt(Liar()),  # type: ignore[arg-type]
    "invalid and mute": MuteJob,
}
