"""``coserver jobs count``: how many jobs there are."""

from __future__ import annotations

from typing import Any, cast

import click

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.filters import Chosen, filter_options, make_wanted
from coserver_consumer.cli.output import say, write_json, write_table
from coserver_consumer.store import manage
from coserver_consumer.store.manage import Count


@click.command("count", short_help="Count jobs, by state, queue and task.")
@filter_options
@json_option
@access_options
@click.pass_context
def count_jobs(context: click.Context, /, *, as_json: bool, **chosen: Any) -> None:
    """Count jobs, live and ended, by state, queue and task.

    The options choose jobs as those of `jobs list` do; without one all are counted.

    \b
    Examples:
      coserver jobs count --queue mail
      coserver jobs count --state failed --ended-since 1d --json
    """
    access = find_access(context)
    max_rescues = access.load().max_rescues
    with access.open() as engine:
        counts = store.read(
            engine,
            lambda c: manage.count(c, **make_wanted(c, cast("Chosen", chosen), max_rescues)),
        )
    write_counts(counts, as_json=as_json)


def write_counts(counts: list[Count], *, as_json: bool) -> None:
    if as_json:
        write_json([count._asdict() for count in counts])
    elif counts:
        write_table(["STATE", "QUEUE", "TASK", "JOBS"], counts)
    else:
        say("No jobs.")
