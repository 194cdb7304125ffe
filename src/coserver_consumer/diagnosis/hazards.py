"""What works, but not for long or not for one's own eyes only: told by the doctor and at a start.

Each is told with what to do about it.
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

FEWEST_LETTERS = 8  # different ones in a secret that was made by chance: hexadecimal has 16
LENGTH = 3  # of the pieces that hardly occur twice in such a secret
STEPS = {-1, 0, 1}  # from one character to the next, as in aaa, abc, 987


class Hazard(NamedTuple):
    """What is the matter, and what to do; ``name`` says with what."""

    name: str
    text: str
    advice: str


def find_hazards(settings: Settings, file: Path | None = None) -> Iterator[Hazard]:
    """Yield what is the matter with settings that came from this file, if from any."""
    with suppress(ConfigurationError):  # a secret that is missing is told as such
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
    """Return why a secret isn't one that was made by chance, None if it may be."""
    if len(set(secret)) < FEWEST_LETTERS:
        return f"has only {len(set(secret))} different characters"
    pieces = [secret[at : at + LENGTH] for at in range(len(secret) - LENGTH + 1)]
    if len(set(pieces)) < len(pieces) * 0.7:
        return "repeats itself"
    steps = [ord(after) - ord(before) for before, after in pairwise(secret)]
    if sum(step in STEPS for step in steps) > len(steps) / 2:
        return "counts up or down"
    return None


def _look_at(file: Path, kept: str) -> Iterator[Hazard]:
    """Yield what is the matter with the mode of a file that keeps something secret."""
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
    """Return what of a settings file is nobody else's business."""
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if "secret" in said:
        return "the secret"
    try:
        has_password = urlsplit(str(said.get("database", ""))).password is not None
    except ValueError:
        return None
    return "the database's password" if has_password else None
