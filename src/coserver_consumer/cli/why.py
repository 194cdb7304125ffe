"""``coserver why``: why a job isn't running."""

from __future__ import annotations

import click

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.output import write_json
from coserver_consumer.why import explain


@click.command(short_help="Say why a job isn't running.")
@click.argument("job_id", metavar="ID")
@json_option
@access_options
@click.pass_context
def why(context: click.Context, *, job_id: str, as_json: bool) -> None:
    """Say in one sentence why a job isn't running, and what would change that.

    Exit code 3 if there is no such job.

    \b
    Example:
      coserver why 01980cf2-53a1-7000-8000-0123456789ab
    """
    access = find_access(context)
    dead_after = access.load().dead_after
    with access.open() as engine:
        reason = store.read(
            engine, lambda connection: explain(connection, job_id, dead_after=dead_after)
        )
    if as_json:
        write_json({"id": job_id, "why": reason})
    else:
        click.echo(reason)
