"""``coserver run``: a consumer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Any

import click

from coserver_consumer.cli.access import access_options, find_access
from coserver_consumer.config import load_settings_apart
from coserver_consumer.settings import Settings

# --database is an option of every command; a secret would be seen in the list of processes.
NOT_HERE = {"database", "secret"}
METAVARS = {"int": "NUMBER", "float": "NUMBER", "Path": "FILE", "tuple[str, ...]": "NAME,NAME"}


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each setting. Their values stay text: the settings' own check reads it."""
    for setting in reversed(fields(Settings)):
        if setting.name not in NOT_HERE:
            command = _make_option(setting)(command)
    return command


def _make_option(setting: Field[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    kind = str(setting.type).removesuffix(" | None")
    default = setting.default
    shown = ",".join(default) if isinstance(default, tuple) else default
    return click.option(
        f"--{setting.name.replace('_', '-')}",
        metavar=METAVARS.get(kind, "TEXT"),
        help=setting.metadata["description"] + (f"  [{shown}]" if shown else ""),
    )


@click.command(short_help="Run a consumer until a signal stops it.")
@access_options
@settings_options
@click.pass_context
def run(context: click.Context, /, **flags: str | None) -> None:
    """Run a consumer until a signal stops it.

    It starts worker processes, each with so many threads, and others where they end; with
    --processes 0 there is only this one. Times are in seconds, sizes in bytes.

    \b
    SIGTERM, SIGINT  take no new jobs, let those that run end within the grace time,
                     give the rest back and exit with 0; a second one: stop now
    SIGHUP           read the settings anew and replace the worker processes
    SIGUSR1          log what each thread does

    It waits while the database is away, but not at its start: then it exits with 1.

    \b
    Examples:
      coserver run --config /etc/coserver.toml
      coserver run --queues mail,default --processes 2 --threads 8
    """
    access = find_access(context)

    def load() -> Settings:
        return load_settings_apart(access.config, database=access.database, **flags)

    settings = load()
    if settings.processes:
        from coserver_consumer import supervisor  # after the settings, which may be wrong

        sys.exit(supervisor.run(settings, load))
    from coserver_consumer import entry

    entry.run_alone(settings)
