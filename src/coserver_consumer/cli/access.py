"""How a command reaches the settings and the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coserver_consumer.settings.loading import load_settings
from coserver_consumer.settings.settings import Settings, find_file

if TYPE_CHECKING:
    from sqlalchemy import Engine

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Access:
    """What ``--config`` and ``--database`` said, before or after the command's name."""

    config: Path | None = None
    database: str | None = None

    @property
    def file(self) -> Path | None:
        """The settings file, if there is one."""
        return find_file(self.config)

    def load(self) -> Settings:
        """Return the settings; raise ``ConfigurationError``."""
        return load_settings(self.config, database=self.database)

    @contextmanager
    def open(self) -> Iterator[Engine]:
        """Yield an engine on the database of the settings, with its tables checked.

        Raises ``SchemaError`` if they aren't those of this version, and ``StoreUnavailable``.
        """
        from coserver_consumer import store  # SQLAlchemy: not for every --help

        engine = store.open_engine(self.load().database)
        try:
            store.check_schema(engine)
            yield engine
        finally:
            engine.dispose()


def find_access(context: click.Context) -> Access:
    """Return the access that all commands of one call share."""
    return context.find_root().ensure_object(Access)


def access_options(command: Command) -> Command:
    """Add ``--config`` and ``--database`` to a command or group."""

    def remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value is not None:
            setattr(find_access(context), str(parameter.name), value)

    for option in (
        click.option(
            "--database",
            metavar="URL",
            expose_value=False,
            callback=remember,
            help="The queue's database, such as postgresql://queue@db/queue.",
        ),
        click.option(
            "--config",
            type=click.Path(dir_okay=False, path_type=Path),
            expose_value=False,
            callback=remember,
            help="The TOML file with the settings.",
        ),
    ):
        command = option(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
