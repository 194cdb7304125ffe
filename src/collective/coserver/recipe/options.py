"""What a part's options mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from zc.buildout import UserError

from coserver_consumer.settings.settings import Settings

DISTRIBUTION = "collective.coserver"
OWN = {"recipe", "eggs", "instance", "environment-vars"}
PATHS = ("secret_file", "database_file")
ANSWER = "put it into a file that only its owner can read, and name that with"
SETTINGS = {field.name.replace("_", "-"): field.name for field in fields(Settings)}


def refuse_unknown(part: str, options: Mapping[str, str]) -> None:
    """Raise ``UserError`` if there is an option that means nothing here."""
    known = OWN | SETTINGS.keys()
    for key in options:
        if key not in known:
            listed = ", ".join(sorted(known))
            raise UserError(f"Part {part}: there is no option {key!r}. Known are: {listed}.")


def find_eggs(buildout: Any, options: Mapping[str, str]) -> list[str]:
    """Return the requirements of the script: ``eggs``, or those of the part ``instance``.

    The instance's recipe adds ZEO to its own script only, so it is asked for here.
    """
    if "eggs" in options:
        return [*options["eggs"].split("\n"), DISTRIBUTION]
    if "instance" in options:
        return [*buildout[options["instance"]]["eggs"].split("\n"), f"{DISTRIBUTION}[zodb]"]
    return [DISTRIBUTION]


def read_settings(options: Mapping[str, str], base: Path) -> dict[str, str]:
    """Return coserver's settings by their names; a path is taken from ``base``."""
    found = {name: options[key].strip() for key, name in SETTINGS.items() if options.get(key)}
    return found | {name: str(base / found[name]) for name in PATHS if name in found}


def refuse_secrets(part: str, options: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Raise ``UserError`` if an option has a secret in it.

    Buildout writes all options to .installed.cfg and the environment to the script, and every user
    of the machine can read both.
    """
    said = {**options, **environment}
    for key in ("secret", "COSERVER_SECRET"):
        if said.get(key):
            raise UserError(
                f"Part {part}: {key} would stand in .installed.cfg, for every user of this machine "
                f"to read: {ANSWER} secret-file."
            )
    for key, value in said.items():
        if "password" in key.lower() or _has_password(value):
            raise UserError(
                f"Part {part}: {key} has a password, which would stand in .installed.cfg, for "
                f"every user of this machine to read: {ANSWER} database-file, which holds the "
                "database's whole URL."
            )


def _has_password(text: str) -> bool:
    try:
        return bool(urlsplit(text.strip()).password) or "password=" in text.lower()
    except ValueError:
        return False


def read_environment(part: str, options: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment-vars``, of which each line is a name and a value."""
    lines = options.get("environment-vars", "").strip().splitlines()
    pairs = [line.split(maxsplit=1) for line in lines]
    for pair in pairs:
        if len(pair) != 2:  # noqa: PLR2004  a name and a value
            raise UserError(
                f"Part {part}: each line of environment-vars is a name and a value, "
                f"this isn't: {' '.join(pair)!r}"
            )
    return {name: value.strip() for name, value in pairs}


def as_toml(settings: Mapping[str, str]) -> str:
    """Return the settings as TOML text; a JSON string is a TOML string."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
