"""``coserver run``: a consumer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import Field, fields
from queue import SimpleQueue
from typing import Any

import click

from coserver_consumer.cli.access import access_options, find_access
from coserver_consumer.cli.completion import complete_queue
from coserver_consumer.diagnosis.hazards import find_hazards
from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.processes.signals import obey_signals
from coserver_consumer.runtime.logs import consumer_logs, log_output
from coserver_consumer.settings.separate_process import load_settings_apart
from coserver_consumer.settings.settings import Settings

# --database is an option of every command; everybody could read a secret in the list of processes;
# with `eager` there is no consumer.
NO_OPTIONS = {"database", "secret", "eager"}
QUEUES = {"queues", "zodb_queues"}
METAVARS = {"int": "NUMBER", "float": "SECONDS", "Path": "FILE", "tuple[str, ...]": "NAME"}
UNITS = {
    "http_allow": "URL",
    "keep_days": "DAYS",
    "log_level": "debug|info|warning|error",
    "max_memory": "BYTES",
    "max_payload": "BYTES",
    "max_result": "BYTES",
    "revoked_keys": "ID",
    "signed_days": "DAYS",
    "zope_url": "URL",
}


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each setting. Their values stay text: the settings' own check reads it."""
    for setting in reversed(fields(Settings)):
        if setting.name not in NO_OPTIONS:
            command = _make_option(setting)(command)
    return command


def _make_option(setting: Field[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    kind = str(setting.type).removesuffix(" | None")
    default = setting.default
    is_list = kind == "tuple[str, ...]"
    shown = ",".join(default) if isinstance(default, tuple) else default
    return click.option(
        f"--{setting.name.replace('_', '-')}",
        metavar=UNITS.get(setting.name) or METAVARS.get(kind, "TEXT"),
        multiple=is_list,
        callback=_join if is_list else None,
        shell_complete=complete_queue if setting.name in QUEUES else None,
        help=setting.metadata["description"] + (f"  [{shown}]" if shown else ""),
    )


def _join(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> str | None:
    """Return the values with commas between them, which no name has; None if there are none."""
    return ",".join(values) if values else None


@click.command(short_help="Run a consumer until a signal stops it.")
@access_options
@settings_options
@click.pass_context
def run(context: click.Context, /, **flags: str | None) -> None:
    """Run a consumer until a signal stops it.

    It starts worker processes, each with so many threads, and replaces those that end; with
    --processes 0 there is only this process. Each option is a setting: what isn't given here comes
    from the environment or the TOML file. An option for several names or addresses may be given
    several times, or once with commas.

    \b
    SIGTERM, SIGINT  take no new jobs, let running jobs end within the grace time,
                     give the rest back and exit with 0; at a second signal stop now
    SIGHUP           read the settings anew and replace the worker processes
    SIGUSR1          log what each thread does

    A consumer that runs waits while the database is away. One that starts exits with 1 then,
    unless --wait-for-database says how long it may wait.

    \b
    Examples:
      coserver run --config /etc/coserver.toml
      coserver run --queues mail,default --processes 2 --threads 8
      coserver run --queues 'daily mail' --queues default
    """
    events: SimpleQueue[Any] = SimpleQueue()  # commands, and what a supervisor receives
    obey_signals(events.put)
    access = find_access(context)

    def load() -> Settings:
        settings = load_settings_apart(access.config, database=access.database, **flags)
        if settings.secret_file is not None:
            _ = settings.secret_text  # raises, rather than leave Zope's tasks off
        if settings.eager:
            raise ConfigurationError(
                "Setting 'eager' is on, so Zope runs the jobs itself and needs no consumer: leave "
                "the setting out, or give it in zope.conf only."
            )
        return settings

    settings = load()
    log_output.configure(settings.log_level)
    for hazard in find_hazards(settings, access.file):
        consumer_logs.hazard(hazard.text, hazard.advice)
    if settings.processes:
        from coserver_consumer.processes import supervisor  # after the settings, which may be wrong

        sys.exit(supervisor.run(settings, load, events))
    from coserver_consumer.processes import entry

    entry.run_alone(settings, events)
