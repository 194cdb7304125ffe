"""A job's arguments for people's eyes: what looks secret by its name is hidden. Pure."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

SECRET = re.compile(
    r"pass(word|wd|phrase)?$|passw|secret|token|api[-_]?key|private|credential|authori[sz]ation|"
    r"cookie|signature",
    re.IGNORECASE,
)
HIDDEN = "…hidden…"  # inside of other values
MAX_CHARS = 4_000  # of a value
MAX_ARGUMENTS = 100


class Argument(NamedTuple):
    """One argument; ``value`` is None for one that is hidden because of its name."""

    name: str
    value: str | None


def list_arguments(args: Any) -> list[Argument]:
    """Return the arguments of a job in their order; what isn't a mapping has no names."""
    named = args if isinstance(args, dict) else {"": args}
    return [
        Argument(str(name), None if SECRET.search(str(name)) else show(value))
        for name, value in list(named.items())[:MAX_ARGUMENTS]
    ]


def show(value: Any) -> str:
    """Return a value of JSON as text, what is secret in it hidden, long ones cut."""
    hidden = hide(value)
    text = hidden if isinstance(hidden, str) else json.dumps(hidden, ensure_ascii=False, indent=1)
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}…"


def hide(value: Any) -> Any:
    """Return a value in which what has the name of a secret is hidden, at any depth."""
    if isinstance(value, dict):
        return {
            name: HIDDEN if SECRET.search(str(name)) else hide(each) for name, each in value.items()
        }
    if isinstance(value, list):
        return [hide(each) for each in value]
    return value
