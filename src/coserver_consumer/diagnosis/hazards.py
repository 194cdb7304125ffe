"""Settings that work but are dangerous: the doctor warns of them, and so does a consumer's start.

Each warning says what to do about it.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.settings import python_fault
from coserver_consumer.settings.settings import Settings

MIN_DIFFERENT_CHARACTERS = 8  # in a random secret: hexadecimal has 16
PIECE_LENGTH = 3  # characters; a piece of a random secret hardly occurs in it twice
STEPS = {-1, 0, 1}  # from one character to the next, as in aaa, abc, 987


class Hazard(NamedTuple):
    """What is dangerous and what to do about it; ``name`` says what it is about."""

    name: str
    text: str
    advice: str


def find_hazards(settings: Settings, file: Path | None = None) -> Iterator[Hazard]:
    """Yield what is dangerous about settings that came from this file, if they came from one."""
    with suppress(ConfigurationError):  # a missing secret is reported elsewhere
        if weakness := find_weakness(settings.secret_text):
            yield Hazard(
                "secret",
                f"the secret {weakness}, so it can be guessed",
                "Who knows it can run code as any user. Make another: openssl rand -hex 32",
            )
    if settings.secret is None and settings.secret_file is not None:
        yield from _look_at(settings.secret_file, "the secret")
    if settings.database_file is not None:
        yield from _look_at(settings.database_file, "the database's address")
    if file is not None and (kept := _find_kept(file)):
        yield from _look_at(file, kept)
    if fault := python_fault.find_fault():
        advice = "Jobs that save versions fail in it, and so does Plone"
        yield Hazard("python", fault, f"{advice}. {python_fault.ADVICE}.")


def find_weakness(secret: str) -> str | None:
    """Return why a secret can't be random; None if it may be."""
    if len(set(secret)) < MIN_DIFFERENT_CHARACTERS:
        return f"has only {len(set(secret))} different characters"
    pieces = [secret[at : at + PIECE_LENGTH] for at in range(len(secret) - PIECE_LENGTH + 1)]
    if len(set(pieces)) < len(pieces) * 0.7:
        return "repeats itself"
    steps = [ord(after) - ord(before) for before, after in pairwise(secret)]
    if sum(step in STEPS for step in steps) > len(steps) / 2:
        return "counts up or down"
    return None


def _look_at(file: Path, kept: str) -> Iterator[Hazard]:
    """Yield what is dangerous about the mode of a file that keeps something secret."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return
    if os.name == "posix" and mode & (stat.S_IROTH | stat.S_IWOTH):
        can = "change" if mode & stat.S_IWOTH else "read"
        yield Hazard(
            "files",
            f"every user of this machine can {can} {file}, which keeps {kept}",
            f"Let its owner read it, and at most a group: chmod o= {file}",
        )


def _find_kept(file: Path) -> str | None:
    """Return which secret a settings file keeps, if it does."""
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if "secret" in settings:
        return "the secret"
    try:
        has_password = urlsplit(str(settings.get("database", ""))).password is not None
    except ValueError:
        return None
    return "the database's password" if has_password else None
