"""A file that a setting names, and that holds the value of another setting."""

from __future__ import annotations

from pathlib import Path

from coserver_consumer.model.errors import ConfigurationError


def read_named_file(file: Path, setting: str) -> str:
    """Return the text of the file; raise ``ConfigurationError``, which names the setting."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:  # the latter also for a NUL in its name
        why = error.strerror if isinstance(error, OSError) else "it isn't text"
        raise ConfigurationError(f"Setting {setting} is wrong: can't read {file}: {why}.") from None
