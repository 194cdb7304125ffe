"""``coserver init`` and ``coserver upgrade``: the tables."""

from __future__ import annotations

import click
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access
from coserver_consumer.runtime.logs import history_logs
from coserver_consumer.store import maintain

TIMEOUTS = store.Timeouts(statement=3600)  # seconds: to index a large table takes a while


@click.command(short_help="Make the tables in the database.")
@access_options
@click.pass_context
def init(context: click.Context) -> None:
    """Make the tables in the database; those that are there already stay.

    \b
    Example:
      coserver init --database sqlite:////var/lib/coserver/queue.sqlite
    """
    _bring_up_to_date(context)


@click.command(short_help="Bring the tables up to date.")
@access_options
@click.pass_context
def upgrade(context: click.Context) -> None:
    """Bring the tables up to date after a new version was installed.

    Stop Zope and the consumers first, start them again afterwards.

    \b
    Example:
      coserver upgrade --config /etc/coserver.toml
    """
    _bring_up_to_date(context)


def _bring_up_to_date(context: click.Context) -> None:
    settings = find_access(context).load()
    engine = store.open_engine(settings.database, timeouts=TIMEOUTS)
    address = store.show_address(engine)
    try:
        before, after = store.upgrade(engine)
        _make_partitions(engine, settings.keep_days)
    finally:
        engine.dispose()
    if before == after:
        click.echo(f"The tables in {address} are up to date (revision {after}).")
    elif before is None:
        click.echo(f"The tables in {address} were made (revision {after}).")
    else:
        click.echo(f"The tables in {address} were upgraded from revision {before} to {after}.")


def _make_partitions(engine: Engine, keep_days: float) -> None:
    """Make the history's partitions for the next days."""
    if not maintain.has_partitions(engine):
        return
    if store.read(engine, maintain.may_make_partitions):
        store.write(engine, lambda c: maintain.make_partitions(c, keep_days=keep_days))
    else:
        click.echo(f"{history_logs.CANNOT_MAKE_PARTITIONS}.", err=True)
