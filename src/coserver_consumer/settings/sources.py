"""Where the settings are given: flags or zope.conf, the environment, and a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.settings.explanation import explain
from coserver_consumer.settings.named_file import read_named_file
from coserver_consumer.settings.rules import make_model
from coserver_consumer.settings.settings import find_file

PAIRS = (("database", "database_file"), ("secret", "secret_file"))

Values = dict[str, Any]  # by the names of settings


@dataclass(frozen=True, slots=True)
class Source:
    """A source that outweighs all others: its name, and how a setting is given there."""

    name: str
    form: str


COMMAND_LINE = Source("the flags", "as --{}")
ZOPE_CONF = Source(
    "<product-config collective.coserver> of zope.conf",
    "as {} in <product-config collective.coserver> of zope.conf",
)


def check_settings(path: Path | None, flags: Values, first: Source = COMMAND_LINE) -> Values:
    """Return a checked value for every setting; raise ``ConfigurationError`` for a wrong one.

    ``flags`` are the values that the ``first`` source gives; None stands for no value.
    """
    model = make_model()
    given = {key: value for key, value in flags.items() if value is not None}
    sources = {
        first.name: _spell_keys(first.name, given),
        "the environment": EnvSettingsSource(model)(),
        **_read_file(find_file(path)),
    }
    values = _merge(sources)
    try:
        return model(**values).model_dump()
    except ValidationError as error:
        raise ConfigurationError(explain(error, sources, first.form)) from None


def _read_file(file: Path | None) -> dict[str, Values]:
    """Return what the settings file gives, by its name; nothing if there is none."""
    return {str(file): _spell_keys(str(file), _read_toml(file))} if file else {}


def _read_toml(file: Path) -> Values:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"Can't read settings file {file}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Settings file {file} isn't TOML: {error}.") from None


def _spell_keys(source: str, values: Values) -> Values:
    """Return the values by the names of settings; refuse a key that is there twice."""
    spellings: dict[str, str] = {}
    for key in values:
        other = spellings.setdefault(key.replace("-", "_").lower(), key)
        if other != key:
            raise ConfigurationError(
                f"Setting '{key}' in {source} is there twice, also as '{other}': leave one of them."
            )
    return {key: values[spelling] for key, spelling in spellings.items()}


def _merge(sources: dict[str, Values]) -> Values:
    """Return the values of all sources together; the first source weighs most."""
    merged: Values = {}
    for values in reversed(sources.values()):
        merged = _outweigh(merged, values)
    _read_database(sources, merged)
    return merged


def _outweigh(lighter: Values, weightier: Values) -> Values:
    """Return the values of two sources together.

    A setting that may stand in a file of its own counts where that file is named: there it replaces
    what a lighter source gives either way, and gives way to the setting itself in the same source.
    """
    left = {
        key: value
        for key, value in lighter.items()
        if not any(key in pair and not weightier.keys().isdisjoint(pair) for pair in PAIRS)
    }
    kept = {
        key: value
        for key, value in weightier.items()
        if not any(key == in_file and weightier.get(itself) for itself, in_file in PAIRS)
    }
    return left | kept


def _read_database(sources: dict[str, Values], merged: Values) -> None:
    """Let the file with the database's URL, if it counts, give the URL as well."""
    named = merged.get("database_file")
    if not named or not isinstance(named, str | Path):  # what else it may be is found later
        return
    source = next(name for name, values in sources.items() if "database_file" in values)
    database = read_named_file(Path(named), f"'database_file' in {source}")
    sources[source]["database"] = merged["database"] = database
