"""Settings out of what is given, and as JSON for other processes.

``sources`` is imported only to read and check them: it brings pydantic, which takes 10 MB that a
consumer has no more use for once it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from coserver_consumer.settings.settings import Settings

PATHS = {field.name for field in fields(Settings) if "Path" in str(field.type)}


def load_settings(path: Path | None = None, **flags: Any) -> Settings:
    """Return the settings; raise ``ConfigurationError`` naming the first key that is wrong.

    ``path`` is the TOML file; without it $COSERVER_CONFIG is read, or ./coserver.toml if it is
    there. Flags outweigh the environment, which outweighs the file; flags that are None weren't
    given.
    """
    from coserver_consumer.settings.sources import check_settings

    return Settings(**check_settings(path, flags))


def load_zope_settings(values: Mapping[str, Any]) -> Settings:
    """Return the settings where zope.conf gives these values, which outweigh the rest."""
    from coserver_consumer.settings.sources import ZOPE_CONF, check_settings

    return Settings(**check_settings(None, dict(values), ZOPE_CONF))


def settings_as_json(settings: Settings) -> dict[str, Any]:
    """Return checked settings as JSON, secrets included: for a pipe, not for a file or a log."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {key: str(value) if isinstance(value, Path) else value for key, value in values.items()}


def settings_from_json(values: Mapping[str, Any]) -> Settings:
    """Return the settings with these values; undo what JSON did to their types."""
    return Settings(**{key: _as_value(key, value) for key, value in values.items()})


def _as_value(key: str, value: Any) -> Any:
    if key in PATHS and value is not None:
        return Path(value)
    return tuple(value) if isinstance(value, list) else value
