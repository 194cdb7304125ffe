"""Texts of others in a line of the log."""

from __future__ import annotations

from coserver_consumer.model.texts import make_line

MAX_TEXT_LENGTH = 500  # characters of an error in a line


def shorten(text: str | None) -> str:
    """Return the text as one line that isn't too long for a log."""
    return make_line(text or "", MAX_TEXT_LENGTH)
