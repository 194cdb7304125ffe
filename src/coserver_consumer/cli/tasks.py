"""``coserver tasks``: what a consumer with these settings can run."""

from __future__ import annotations

import click

from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.output import write_json, write_table
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.tasks.registry import Registry, load_registry


@click.command()
@json_option
@access_options
@click.pass_context
def tasks(context: click.Context, *, as_json: bool) -> None:
    """List the tasks that the installed plugins offer, and why one of them is off.

    A consumer with these settings runs those that are on; the jobs of others wait.

    \b
    Example:
      coserver tasks --config /etc/coserver.toml
    """
    registry = load_registry(TaskContext(settings=find_access(context).load()))
    if as_json:
        write_json({"on": list(registry.names), "off": dict(registry.left_out)})
    else:
        write_table(["TASK", "STATE"], _rows(registry))


def _rows(registry: Registry) -> list[tuple[str, str]]:
    on = [(name, "on") for name in registry.names]
    return sorted(on + [(name, f"off: {why}") for name, why in registry.left_out.items()])
