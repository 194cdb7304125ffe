"""Reads the settings from flags, the environment and a TOML file, and checks them.

Run as a module it does so for ``loading.load_settings_apart``: a question as JSON on standard
input, the answer as JSON on standard output.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, ValidationError, create_model, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings import PydanticBaseSettingsSource as Source

from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.model.queue_name import RULE, can_name_queue
from coserver_consumer.model.texts import is_storable
from coserver_consumer.settings.settings import (
    FILE,
    PREFIX,
    SECRET_LENGTH,
    Settings,
    find_file,
    is_number,
)

DIALECTS = ("sqlite", "postgresql", "mysql", "mariadb")
WANTED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a number that isn't infinite",
    "too_short": "at least one name",
    "path_type": "the name of a file",
    "string_type": "text",
    "tuple_type": "a list of texts",
}

PAIRS = (("database", "database_file"), ("secret", "secret_file"))
QUEUES = ("queues", "zodb_queues")
NAMES = (*QUEUES, "capabilities")
NUMBERS = tuple(each.name for each in fields(Settings) if is_number(each))
ADDRESSES = ("zope_url", "http_allow")
ORIGIN = "scheme, host and port, such as http://127.0.0.1:8080"

Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Door:
    """Where the settings are given that outweigh all others: its name, how one is given there."""

    name: str
    way: str


COMMAND_LINE = Door("the flags", "as --{}")
ZOPE_CONF = Door(
    "<product-config collective.coserver> of zope.conf",
    "as {} in <product-config collective.coserver> of zope.conf",
)


class _Rules(BaseSettings):
    """What a type and a limit can't say about a setting."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        enable_decoding=False,
        extra="forbid",
        allow_inf_nan=False,
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: Source, *others: Any, **more: Any
    ) -> tuple[Source]:
        """Check what was found, without another look at the environment."""
        return (init_settings,)

    @field_validator(*NAMES, mode="before", check_fields=False)
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        """Take ``"a, b c"`` for ``["a", "b c"]``: the environment and zope.conf know only text.

        A name may have spaces, so only commas and ends of lines part one from the next.
        """
        return _split(value, r"[,\n\r]+")

    @field_validator(*ADDRESSES, mode="before", check_fields=False)
    @classmethod
    def _split_addresses(cls, value: Any) -> Any:
        """Take ``"a, b c"`` for ``["a", "b", "c"]``: an address has no spaces."""
        return _split(value, r"[,\s]+")

    @field_validator(*QUEUES, check_fields=False)
    @classmethod
    def _are_queues(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(can_name_queue(name) for name in value):
            raise ValueError(f"names of queues, each of {RULE}")
        return value

    @field_validator("capabilities", check_fields=False)
    @classmethod
    def _can_be_required(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what no job can ask for: the store has what one requires with commas between."""
        if not all(name.strip() == name != "" and "," not in name for name in value):
            raise ValueError("names, without commas, not beginning or ending with a space")
        return value

    @field_validator(*NUMBERS, mode="before", check_fields=False)
    @classmethod
    def _is_no_truth(cls, value: Any) -> Any:
        """Refuse ``true``, which Python takes for 1: ``keep_days = true`` means something else."""
        if isinstance(value, bool):
            raise ValueError("a number")  # noqa: TRY004  which pydantic takes for a bug
        return value

    @field_validator("log_level", mode="before", check_fields=False)
    @classmethod
    def _is_level(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("name", check_fields=False)
    @classmethod
    def _is_storable(cls, value: str) -> str:
        if not is_storable(value):
            raise ValueError("text without NUL, in UTF-8")
        return value

    @field_validator("database", check_fields=False)
    @classmethod
    def _know_dialect(cls, value: str) -> str:
        scheme, separator, _ = value.partition("://")
        if not separator or scheme.partition("+")[0] not in DIALECTS:
            raise ValueError(f"a URL that begins with one of {', '.join(DIALECTS)} and ://")
        return value

    @field_validator("zope_url", check_fields=False)
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_check_address(each.rstrip("/")) for each in value)

    @field_validator("http_allow", check_fields=False)
    @classmethod
    def _can_be_called(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value:
            from coserver_consumer.settings.allowed_address import (
                read_address,  # which imports urllib3, and few have a list
            )

            for entry in value:
                read_address(entry)  # raises
        return value

    @field_validator("public_url", check_fields=False)
    @classmethod
    def _is_seen(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = _split_url(value, wanted="an address such as https://www.example.com")
        said = f"{parts.scheme}://{parts.hostname}"
        is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
        if parts.scheme not in ("http", "https") or not is_plain or not value.startswith(said):
            raise ValueError("an address such as https://www.example.com")
        return value.rstrip("/")

    @field_validator("secret", check_fields=False)
    @classmethod
    def _is_long_enough(cls, value: str | None) -> str | None:
        if value is not None and len(value) < SECRET_LENGTH:
            raise ValueError(f"at least {SECRET_LENGTH} characters")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> _Rules:
        found = self.model_dump()
        if found["poll_min"] > found["poll_max"]:
            raise ValueError("poll_min can't be more than poll_max")
        if found["heartbeat_every"] * 2 > found["dead_after"]:
            raise ValueError(
                "dead_after must be at least twice heartbeat_every, "
                "or one late heartbeat costs a consumer its jobs"
            )
        return self


def _split(value: Any, between: str) -> Any:
    """Return the parts of a text, or the list that it is in JSON; other values as they are."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        with suppress(ValueError):
            return json.loads(value)
    return [part.strip() for part in re.split(between, value) if part.strip()]


def _check_address(address: str) -> str:
    parts = _split_url(address, wanted=ORIGIN)
    is_whole = f"{parts.scheme}://{parts.netloc}" == address and parts.hostname
    if parts.scheme not in ("http", "https") or not is_whole:
        raise ValueError(ORIGIN)
    if "@" in address:
        raise ValueError(f"{ORIGIN}, without a login")
    return address


def _split_url(address: str, *, wanted: str) -> SplitResult:
    """Return the parts; raise ``ValueError`` saying what is wanted if it has none."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises
    except ValueError:
        raise ValueError(wanted) from None
    return parts


def _make_model() -> type[_Rules]:
    """Return the pydantic model of ``Settings``, so that each setting is declared once."""
    types = get_type_hints(Settings)
    described: dict[str, Any] = {}
    for setting in fields(Settings):
        default = ... if setting.default is MISSING else setting.default
        limited = Field(default, **setting.metadata)
        described[setting.name] = (types[setting.name], limited)
    return create_model("CheckedSettings", __base__=_Rules, **described)


def check_settings(path: Path | None, flags: Found, door: Door = COMMAND_LINE) -> Found:
    """Return a checked value for every setting; raise ``ConfigurationError`` for a wrong one.

    ``flags`` are what was said at ``door``.
    """
    model = _make_model()
    file = find_file(path)
    sources = {
        door.name: _spell_keys(door.name, {k: v for k, v in flags.items() if v is not None}),
        "the environment": EnvSettingsSource(model)(),
        str(file): _spell_keys(str(file), _read_toml(file)) if file else {},
    }
    found: Found = {}
    for said in reversed(sources.values()):
        found = _outweigh(found, said)
    _read_database(sources, found)
    try:
        return model(**found).model_dump()
    except ValidationError as error:
        raise ConfigurationError(_explain(error, sources, door)) from None


def _read_toml(file: Path) -> Found:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"Can't read settings file {file}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Settings file {file} isn't TOML: {error}.") from None


def _outweigh(found: Found, said: Found) -> Found:
    """Return what was found with what a weightier source says.

    What may stand in a file counts at the place that names it: there it outweighs the other way to
    say it in a lighter source, and is outweighed by it in the same one.
    """
    left = {
        key: value
        for key, value in found.items()
        if not any(key in pair and not said.keys().isdisjoint(pair) for pair in PAIRS)
    }
    kept = {
        key: value
        for key, value in said.items()
        if not any(key == in_file and said.get(itself) for itself, in_file in PAIRS)
    }
    return left | kept


def _read_database(sources: dict[str, Found], found: Found) -> None:
    """Let the file with the database's URL, if it counts, give the URL as well."""
    named = found.get("database_file")
    if not named or not isinstance(named, str | Path):  # what else it may be is found later
        return
    source = next(name for name, said in sources.items() if "database_file" in said)
    file = Path(named)
    try:
        found["database"] = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:  # also for a NUL in its name
        why = error.strerror if isinstance(error, OSError) else "it isn't text"
        raise ConfigurationError(
            f"Setting 'database_file' in {source} is wrong: can't read {file}: {why}."
        ) from None
    sources[source]["database"] = found["database"]


def _spell_keys(source: str, said: Found) -> Found:
    """Return what is said by the names of settings; refuse a key that is there twice."""
    spelled: dict[str, str] = {}
    for key in said:
        other = spelled.setdefault(key.replace("-", "_").lower(), key)
        if other != key:
            raise ConfigurationError(
                f"Setting '{key}' in {source} is there twice, also as '{other}': leave one of them."
            )
    return {key: said[spelling] for key, spelling in spelled.items()}


def _explain(error: ValidationError, sources: dict[str, Found], door: Door) -> str:
    """Put pydantic's first fault into one line that never holds a secret.

    An unknown setting goes first: it may be a missing one, misspelt. A missing one goes last: what
    is wrong may be the other way to give it.
    """
    order = {"extra_forbidden": 0, "missing": 2}
    fault = min(error.errors(include_url=False), key=lambda each: order.get(each["type"], 1))
    if not fault["loc"]:
        return f"The settings don't fit together: {fault['ctx']['error']}."
    key = str(fault["loc"][0])
    if fault["type"] == "missing":
        return (
            f"Setting '{key}' is missing: give it {door.way.format(key.replace('_', '-'))}, "
            f"as {PREFIX}{key.upper()} or in {FILE}."
        )
    origin = next(name for name, said in sources.items() if key in said)
    if fault["type"] == "extra_forbidden":
        known = ", ".join(sorted(setting.name for setting in fields(Settings)))
        return f"Unknown setting '{key}' in {origin}; known are: {known}."
    said = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    wanted = WANTED.get(fault["type"], said)
    got = _show(key, sources[origin][key])
    return f"Setting '{key}' in {origin} is wrong: got {got}, wanted {wanted}."


def _show(key: str, value: Any) -> str:
    """Return a wrong value, unless it holds a password or is one."""
    if key in ("secret", "database") or "@" in str(value):
        return "something that isn't shown"
    return repr(value)


def _answer(question: str) -> str:
    asked = json.loads(question)
    try:
        path = Path(asked["path"]) if asked["path"] else None
        return json.dumps(check_settings(path, asked["flags"]), default=str)
    except ConfigurationError as error:
        return json.dumps({"error": str(error)})


def main() -> None:
    """Answer one question, unless whoever asks has gone."""
    question = sys.stdin.read()
    if not question:
        return
    try:
        sys.stdout.write(_answer(question))
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(1)  # an ordinary end would try to write once more


if __name__ == "__main__":
    main()
