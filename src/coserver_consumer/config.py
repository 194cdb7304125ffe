"""Where the settings come from: flags, the environment and a TOML file, in that order of weight.

``settings_check`` is imported only to read and check them: it brings pydantic, which takes
10 MB that a consumer has no more use for once it runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from coserver_consumer.errors import ConfigurationError
from coserver_consumer.settings import Settings

__all__ = ["Settings", "load_settings", "load_settings_apart"]


def load_settings(path: Path | None = None, **flags: Any) -> Settings:
    """Return the settings; raise ``ConfigurationError`` naming the first key that is wrong.

    ``path`` is the TOML file; without it $COSERVER_CONFIG is read, or ./coserver.toml if it is
    there. Flags outweigh the environment, which outweighs the file; flags that are None weren't
    given.
    """
    from coserver_consumer.settings_check import check_settings

    return Settings(**check_settings(path, flags))


def load_settings_apart(path: Path | None = None, **flags: Any) -> Settings:
    """Do as ``load_settings`` in a process of its own, so that pydantic's memory goes with it."""
    asked = {"path": str(path) if path else None, "flags": flags}
    child = subprocess.run(
        [sys.executable, "-P", "-m", "coserver_consumer.settings_check"],
        input=json.dumps(asked, default=str),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer = json.loads(child.stdout)
    if "error" in answer:
        raise ConfigurationError(answer["error"])
    return Settings(**{key: _as_value(key, value) for key, value in answer.items()})


def _as_value(key: str, value: Any) -> Any:
    """Undo what JSON did to a setting's type."""
    if key == "secret_file" and value is not None:
        return Path(value)
    return tuple(value) if isinstance(value, list) else value
