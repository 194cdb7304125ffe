"""``coserver queues``: the named lines of jobs."""

from __future__ import annotations

import click
from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.output import write_json, write_table
from coserver_consumer.job import State

Counts = dict[str, dict[State, int]]


@click.group()
def queues() -> None:
    """List queues and make them known."""


@queues.command("list", short_help="List the queues and their jobs by state.")
@json_option
@access_options
@click.pass_context
def list_queues(context: click.Context, *, as_json: bool) -> None:
    """List the queues and how many jobs they have in each state.

    \b
    Example:
      coserver queues list
    """
    with find_access(context).open() as engine:
        counts = store.read(engine, count_jobs)
    if as_json:
        write_json(counts)
    else:
        write_counts(counts)


@queues.command("add", short_help="Make a queue known.")
@click.argument("name")
@access_options
@click.pass_context
def add_queue(context: click.Context, *, name: str) -> None:
    """Make a queue known, so that jobs can be added to it; a known one stays as it is.

    Consumers do so for the queues they serve when they start.

    \b
    Example:
      coserver queues add mail
    """
    with find_access(context).open() as engine:
        store.write(engine, lambda connection: store.add_queue(connection, name))
    click.echo(f"Queue {name} is known.")


def count_jobs(connection: Connection) -> Counts:
    """Return how many jobs each known queue has in each state, also queues without any."""
    empty: Counts = {name: {} for name in store.queues(connection)}
    return empty | store.counts(connection)


def write_counts(counts: Counts) -> None:
    """Write a table with a column for each state that occurs."""
    states = [state for state in State if any(state in by_state for by_state in counts.values())]
    write_table(
        ["QUEUE", *[state.upper() for state in states]],
        [
            [name, *[by_state.get(state, 0) for state in states]]
            for name, by_state in sorted(counts.items())
        ],
    )
