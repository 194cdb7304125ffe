"""Texts made fit: for the databases, which refuse some characters, and for lines and terminals.

Errors, titles and results come from anywhere and may hold anything: a NUL, half of a surrogate
pair (as in file names that aren't UTF-8), a line break that would begin a forged line, a terminal's
control sequences. Pure.
"""

from __future__ import annotations

import re

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
CUT = "..."


def make_storable(text: str, limit: int | None = None) -> str:
    r"""Return the text as each of the databases can hold it, cut to so many characters.

    A NUL becomes U+FFFD and a lone surrogate its escape, such as ``\udce4``: it tells which byte it
    was.
    """
    fit = text if UNSTORABLE.search(text) is None else UNSTORABLE.sub(_escape, text)
    return fit if limit is None else cut(fit, limit)


def is_storable(text: str) -> bool:
    """Return True if each of the databases can hold the text as it is."""
    return UNSTORABLE.search(text) is None


def make_line(text: str, limit: int | None = None) -> str:
    """Return the text as one line without control characters, cut to so many characters."""
    line = CONTROLS.sub(_escape, " ".join(text.split()))
    return line if limit is None else cut(line, limit)


def make_visible(text: str) -> str:
    r"""Return the text as one line that hides nothing: what can't be seen is escaped, as ``\n``."""
    return "".join(at if at.isprintable() else ascii(at)[1:-1] for at in text)


def make_lines(text: str, indent: str = "") -> str:
    """Return the text without control characters but line breaks, behind which ``indent`` comes."""
    first, *others = re.split("\r\n|\n", text)
    lines = [first, *(indent + line for line in others)]
    return "\n".join(_escape_controls(line) for line in lines)


def cut(text: str, limit: int) -> str:
    """Return the text, or so much of it that it has ``limit`` characters with dots behind it."""
    return text if len(text) <= limit else text[: limit - len(CUT)] + CUT


def _escape_controls(line: str) -> str:
    return CONTROLS.sub(lambda found: found[0] if found[0] == "\t" else _escape(found), line)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return REPLACEMENT if character == "\0" else ascii(character)[1:-1]
