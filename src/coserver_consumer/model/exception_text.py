"""What an exception says: plain text of a bounded length, whatever the exception does when asked.

Code that nobody of us wrote makes exceptions. Their ``str`` may raise, even ``SystemExit``, and be
as long as memory is large.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from types import TracebackType

from coserver_consumer.model.texts import cut, make_visible

MAX_TEXT_CHARS = 10_000  # of what an exception says; the tables take less
BRIEF_CHARS = 60  # of a value in a message
MAX_TRACEBACK_CHARS = 32_000  # the tables take as much
CUT = "\n[...]\n"


def describe(error: BaseException) -> str:
    """Return the exception's class and what it says, such as ``ValueError: too wide``."""
    name = _name(error)
    said = words(error)
    return f"{name}: {said}" if said else name


def words(said: object) -> str:
    """Return ``str(said)``, or what became of the attempt to get it."""
    return _try_hard(lambda: str(said)) or ""


def show(value: object) -> str:
    """Return ``repr(value)``, or what became of the attempt to get it."""
    return _try_hard(lambda: repr(value)) or ""


def brief(value: object) -> str:
    """Return ``show(value)`` as a message of one line has it."""
    return brief_text(show(value))


def brief_text(text: str) -> str:
    """Return a text as a message of one line shows it, cut to ``BRIEF_CHARS``; it hides nothing."""
    return cut(make_visible(text), BRIEF_CHARS)


def format_traceback(error: BaseException, *, start: TracebackType | None = None) -> str:
    """Return the traceback as Python prints it; the middle of a long one is left out.

    ``start`` is the frame to begin with, by default the first.
    """
    try:
        frames = start or error.__traceback__
        text = "".join(traceback.format_exception(type(error), error, frames))
    except BaseException as trouble:  # noqa: BLE001  it may be of any kind
        return f"The traceback can't be shown: it ended in {_name(trouble)}."
    half = (MAX_TRACEBACK_CHARS - len(CUT)) // 2
    return text if len(text) <= MAX_TRACEBACK_CHARS else f"{text[:half]}{CUT}{text[-half:]}"


def _name(error: BaseException) -> str:
    """Return the name of its class, which may have been made to raise as well."""
    return _try_hard(lambda: str(type(error).__name__)) or "an exception without a name"


def _try_hard(say: Callable[[], str]) -> str:
    """Return what ``say`` does, as a plain ``str`` of a bounded length; never raise."""
    try:
        return str.__getitem__(
            say(), slice(MAX_TEXT_CHARS)
        )  # a subclass of str may break elsewhere
    except BaseException:  # noqa: BLE001  it may be of any kind
        return "(it raises an error when it is asked what it is)"
