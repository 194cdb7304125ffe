"""Where the settings come from: flags, the environment and a TOML file, in that order of weight.

``sources`` is imported only to read and check them: it brings pydantic, which takes
10 MB that a consumer has no more use for once it runs.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.settings import held_signals, python_command
from coserver_consumer.settings.settings import Settings

__all__ = [
    "Settings",
    "load_settings",
    "load_settings_apart",
    "load_zope_settings",
    "settings_as_json",
    "settings_from_json",
]


PATHS = {field.name for field in fields(Settings) if "Path" in str(field.type)}


def load_settings(path: Path | None = None, **flags: Any) -> Settings:
    """Return the settings; raise ``ConfigurationError`` naming the first key that is wrong.

    ``path`` is the TOML file; without it $COSERVER_CONFIG is read, or ./coserver.toml if it is
    there. Flags outweigh the environment, which outweighs the file; flags that are None weren't
    given.
    """
    from coserver_consumer.settings.sources import check_settings

    return Settings(**check_settings(path, flags))


def load_zope_settings(said: Mapping[str, Any]) -> Settings:
    """Do as ``load_settings`` for what zope.conf says, which outweighs the rest."""
    from coserver_consumer.settings.sources import ZOPE_CONF, check_settings

    return Settings(**check_settings(None, dict(said), ZOPE_CONF))


def load_settings_apart(path: Path | None = None, **flags: Any) -> Settings:
    """Do as ``load_settings`` in a process of its own, so that pydantic's memory goes with it."""
    asked = {"path": str(path) if path else None, "flags": flags}
    with held_signals.holding():  # it is over soon, and this process obeys them afterwards
        child = subprocess.Popen(
            python_command.command("coserver_consumer.settings.sources"),
            env=python_command.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    told, _ = child.communicate(json.dumps(asked, default=str))
    if child.returncode:
        raise ConfigurationError(
            f"The settings can't be read: the process that reads them ended with "
            f"{child.returncode}."
        )
    answer = json.loads(told)
    if "error" in answer:
        raise ConfigurationError(answer["error"])
    return settings_from_json(answer)


def settings_as_json(settings: Settings) -> dict[str, Any]:
    """Return checked settings as JSON, secrets included: for a pipe, not for a file or a log."""
    told = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {key: str(value) if isinstance(value, Path) else value for key, value in told.items()}


def settings_from_json(told: Mapping[str, Any]) -> Settings:
    """Return the settings that were told; undo what JSON did to their types."""
    return Settings(**{key: _as_value(key, value) for key, value in told.items()})


def _as_value(key: str, value: Any) -> Any:
    if key in PATHS and value is not None:
        return Path(value)
    return tuple(value) if isinstance(value, list) else value
