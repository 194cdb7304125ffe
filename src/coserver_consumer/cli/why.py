"""``coserver why``: why a job isn't running."""

from __future__ import annotations

import click
from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.completion import job_id_argument
from coserver_consumer.cli.output import say, write_json
from coserver_consumer.diagnosis.why import explain
from coserver_consumer.store import manage


@click.command(short_help="Say why a job isn't running.")
@job_id_argument
@json_option
@access_options
@click.pass_context
def why(context: click.Context, *, job_id: str, as_json: bool) -> None:
    """Say in one sentence why a job isn't running, and what would change that.

    The beginning or the end of its ID is enough. The exit code is 3 if there is no such job.

    \b
    Example:
      coserver why 456789ab
    """
    access = find_access(context)
    dead_after = access.load().dead_after

    def work(connection: Connection) -> tuple[str, str]:
        whole = manage.find_id(connection, job_id)
        return whole, explain(connection, whole, dead_after=dead_after)

    with access.open() as engine:
        whole, reason = store.read(engine, work)
    if as_json:
        write_json({"id": whole, "why": reason})
    else:
        say(reason)
