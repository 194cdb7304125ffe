"""The command ``coserver``.

Each subcommand is in a module of this package that is imported when the subcommand is called: a
consumer that runs for months needs none of the others.
"""

from __future__ import annotations

from importlib.metadata import version

import click

from coserver_consumer.cli import standard_output
from coserver_consumer.cli.access import access_options
from coserver_consumer.cli.group import LazyGroup
from coserver_consumer.settings import signal_mask

COMMANDS = {
    "init": "coserver_consumer.cli.schema:init",
    "upgrade": "coserver_consumer.cli.schema:upgrade",
    "run": "coserver_consumer.cli.run:run",
    "status": "coserver_consumer.cli.status:status",
    "jobs": "coserver_consumer.cli.jobs:jobs",
    "why": "coserver_consumer.cli.why:why",
    "tasks": "coserver_consumer.cli.tasks:tasks",
    "queues": "coserver_consumer.cli.queues:queues",
    "limits": "coserver_consumer.cli.limits:limits",
    "keys": "coserver_consumer.cli.keys:keys",
    "add": "coserver_consumer.cli.add:add",
    "doctor": "coserver_consumer.cli.doctor:doctor",
}


@click.group(
    cls=LazyGroup,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@access_options
@click.version_option(version("collective.coserver"), prog_name="coserver")
@click.pass_context
def main(context: click.Context) -> None:
    """Background jobs for Zope, Plone and whatever stands beside them.

    \b
    Make the tables, run a consumer, queue a job, look at it:
      coserver init --database postgresql://queue@db/queue
      coserver run --config /etc/coserver.toml
      coserver add http url=https://example.com/ping
      coserver jobs list --state failed

    Settings come from options, from COSERVER_... in the environment, and from a TOML file
    (--config, $COSERVER_CONFIG, or ./coserver.toml). The first of these that has a setting counts.

    Exit codes: 0 success, 1 failure, 2 wrong usage or settings, 3 no such job, 4 the work is done
    but standard output can't be written.

    \b
    Let bash complete commands, options, queues, tasks and ids:
      eval "$(_COSERVER_COMPLETE=bash_source coserver)"
    """
    if context.invoked_subcommand == "run":  # it obeys signals, and writes only a log
        return
    signal_mask.unblock()
    if standard_output.is_closed():
        raise click.ClickException("Standard output is closed, so nothing was done.")
