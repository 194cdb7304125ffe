"""``coserver tasks``: what a consumer with these settings can run."""

from __future__ import annotations

import click

from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.output import write_json, write_table
from coserver_consumer.protocol.services import FUNCTIONS
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.tasks.registry import Registry, load_registry
from coserver_consumer.zope.service import Services


@click.command(short_help="List the tasks that can be run here.")
@click.option("--zope", "ask_zope", is_flag=True, help="Also list the functions that Zope knows.")
@json_option
@access_options
@click.pass_context
def tasks(context: click.Context, *, ask_zope: bool, as_json: bool) -> None:
    """List the tasks that the installed plugins offer, and why any of them are off.

    A consumer with these settings runs the tasks that are on; the jobs of the others wait. The
    functions of the task `call` are in Zope: with --zope it is asked for those whose modules it has
    imported.

    \b
    Examples:
      coserver tasks --config /etc/coserver.toml
      coserver tasks --zope
    """
    settings = find_access(context).load()
    registry = load_registry(TaskContext(settings=settings))
    functions = Services(settings).ask_any(FUNCTIONS, None) if ask_zope else []
    if as_json:
        off = dict(registry.left_out)
        write_json({"on": list(registry.names), "off": off, "functions": functions})
    else:
        write_table(["TASK", "STATE"], _rows(registry))
        _write_functions(functions)


def _write_functions(functions: list[str]) -> None:
    if functions:
        click.echo()
        write_table(["FUNCTION"], [[name] for name in functions])


def _rows(registry: Registry) -> list[tuple[str, str]]:
    on = [(name, "on") for name in registry.names]
    return sorted(on + [(name, f"off: {why}") for name, why in registry.left_out.items()])
