"""``coserver status``: queues and consumers at a glance."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.output import iso_time, local_time, write_json, write_table
from coserver_consumer.cli.queues import Counts, Rules, count_jobs, find_rules, write_counts
from coserver_consumer.store import manage
from coserver_consumer.store.manage import Consumer


@click.command()
@json_option
@access_options
@click.pass_context
def status(context: click.Context, *, as_json: bool) -> None:
    """Show the queues with the number of their jobs, and the consumers.

    A consumer is dead when its last heartbeat is older than the setting dead_after.

    \b
    Examples:
      coserver status
      watch coserver status
    """

    def work(connection: Connection) -> tuple[Counts, Rules, list[Consumer]]:
        return count_jobs(connection), find_rules(connection), manage.consumers(connection)

    access = find_access(context)
    dead_after = access.load().dead_after
    with access.open() as engine:
        counts, rules, consumers = store.read(engine, work)
    if as_json:
        found = [_as_json(consumer, dead_after) for consumer in consumers]
        ruled = {name: found for name, found in rules.items() if found}
        write_json({"queues": counts, "rules": ruled, "consumers": found})
        return
    write_counts(counts, rules)
    click.echo()
    _write_consumers(consumers, dead_after)


def _as_json(consumer: Consumer, dead_after: float) -> dict[str, Any]:
    return asdict(consumer) | {
        "is_dead": consumer.is_dead(dead_after),
        "started_at": iso_time(consumer.started_at),
        "heartbeat_at": iso_time(consumer.heartbeat_at),
    }


def _write_consumers(consumers: list[Consumer], dead_after: float) -> None:
    if not consumers:
        click.echo("No consumer runs; start one with `coserver run`.")
        return
    write_table(
        ["CONSUMER", "HOST", "PID", "QUEUES", "RUNNING", "STARTED", "HEARTBEAT"],
        [
            [
                consumer.name,
                consumer.hostname,
                consumer.pid,
                ", ".join(consumer.queues),
                f"{consumer.running} of {consumer.threads}",
                local_time(consumer.started_at),
                f"{consumer.age:.0f} s ago" + ", DEAD" * consumer.is_dead(dead_after),
            ]
            for consumer in consumers
        ],
    )
    for consumer in consumers:
        for each in consumer.unavailable:
            click.echo(f"{consumer.name} leaves {', '.join(each.tasks)} alone: {each.why}")
