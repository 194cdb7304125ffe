"""What each setting may be, beyond its type and limits.

The model of pydantic that checks settings. It is imported only to read them: pydantic takes 10 MB,
which a consumer has no more use for once it runs.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from pydantic import Field, create_model, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import PydanticBaseSettingsSource as Source

from coserver_consumer.model.job import is_id
from coserver_consumer.model.queue_name import RULE, can_name_queue
from coserver_consumer.model.texts import is_storable
from coserver_consumer.model.value_types import LISTED, can_be_listed
from coserver_consumer.settings.address import check_origin, check_public_url
from coserver_consumer.settings.settings import MIN_SECRET_LENGTH, PREFIX, Settings, is_number

DIALECTS = ("sqlite", "postgresql", "mysql", "mariadb")
QUEUES = ("queues", "zodb_queues")
NAMES = (*QUEUES, "capabilities", "revoked_keys")
NUMBERS = tuple(each.name for each in fields(Settings) if is_number(each))
ADDRESSES = ("zope_url", "http_allow")


class Rules(BaseSettings):
    """The rules for settings that no type and no limit can express."""

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

        A name may have spaces, so only commas and ends of lines separate names.
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
        if not all(map(can_be_listed, value)):
            raise ValueError(LISTED)
        return value

    @field_validator("revoked_keys", check_fields=False)
    @classmethod
    def _are_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(is_id(each) for each in value):
            raise ValueError("ids of keys, as `coserver keys list` shows them")
        return tuple(each.lower() for each in value)

    @field_validator(*NUMBERS, mode="before", check_fields=False)
    @classmethod
    def _is_no_truth_value(cls, value: Any) -> Any:
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
    def _has_known_dialect(cls, value: str) -> str:
        scheme, separator, _ = value.partition("://")
        if not separator or scheme.partition("+")[0] not in DIALECTS:
            raise ValueError(f"a URL that begins with one of {', '.join(DIALECTS)} and ://")
        return value

    @field_validator("zope_url", check_fields=False)
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_origin(each.rstrip("/")) for each in value)

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
    def _is_public_url(cls, value: str | None) -> str | None:
        return None if value is None else check_public_url(value)

    @field_validator("secret", check_fields=False)
    @classmethod
    def _is_long_enough(cls, value: str | None) -> str | None:
        if value is not None and len(value) < MIN_SECRET_LENGTH:
            raise ValueError(f"at least {MIN_SECRET_LENGTH} characters")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Rules:
        found = self.model_dump()
        if found["poll_min"] > found["poll_max"]:
            raise ValueError("poll_min can't be more than poll_max")
        if found["heartbeat_every"] * 2 > found["dead_after"]:
            raise ValueError(
                "dead_after must be at least twice heartbeat_every, "
                "or one late heartbeat costs a consumer its jobs"
            )
        return self


def make_model() -> type[Rules]:
    """Return the pydantic model of ``Settings``, so that each setting is declared once."""
    types = get_type_hints(Settings)
    described: dict[str, Any] = {}
    for setting in fields(Settings):
        default = ... if setting.default is MISSING else setting.default
        limited = Field(default, **setting.metadata)
        described[setting.name] = (types[setting.name], limited)
    return create_model("CheckedSettings", __base__=Rules, **described)


def _split(value: Any, between: str) -> Any:
    """Return the parts of a text, or the list that it is in JSON; other values as they are."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        with suppress(ValueError):
            return json.loads(value)
    return [part.strip() for part in re.split(between, value) if part.strip()]
