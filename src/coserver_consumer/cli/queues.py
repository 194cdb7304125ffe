"""``coserver queues``: list queues, and change what holds for them."""

from __future__ import annotations

import click
from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.completion import complete_queue
from coserver_consumer.cli.numbers import NUMBER_OR_ALL, RATE
from coserver_consumer.cli.output import say, who, write_json, write_table
from coserver_consumer.model.job import State
from coserver_consumer.store import claim, manage

Counts = dict[str, dict[State, int]]
Rules = dict[str, dict[str, str]]  # by queue and kind of rule


@click.group(short_help="List queues, pause them, set how many jobs run.")
def queues() -> None:
    """List queues, make them known, pause them, and set how many of their jobs run."""


@queues.command("list", short_help="List the queues and their jobs by state.")
@json_option
@access_options
@click.pass_context
def list_queues(context: click.Context, *, as_json: bool) -> None:
    """List the queues, how many jobs they have in each state, and their rules.

    \b
    Example:
      coserver queues list
    """

    def work(connection: Connection) -> tuple[Counts, Rules]:
        return count_jobs(connection), find_rules(connection)

    with find_access(context).open() as engine:
        counts, rules = store.read(engine, work)
    if as_json:
        ruled = {name: {"rules": found} for name, found in rules.items() if found}
        write_json({name: {**counts[name], **ruled.get(name, {})} for name in counts})
    else:
        write_counts(counts, rules)


@queues.command("add", short_help="Make a queue known.")
@click.argument("name")
@access_options
@click.pass_context
def add_queue(context: click.Context, *, name: str) -> None:
    """Make a queue known, so that jobs can be queued in it; a known queue stays as it is.

    A consumer that starts makes the queues known that it serves.

    \b
    Example:
      coserver queues add mail
    """
    with find_access(context).open() as engine:
        store.write(engine, lambda connection: manage.add_queue(connection, name))
    say(f"Queue {name} is known.")


@queues.command("set", short_help="Set how many jobs of a queue run.")
@click.argument("name", shell_complete=complete_queue)
@click.option(
    "--running", type=NUMBER_OR_ALL, metavar="N", help="How many may run at once, or `all`."
)
@click.option(
    "--rate",
    type=RATE,
    metavar="N/SECONDS",
    help="How many may begin in a time, or `all`.",
)
@access_options
@click.pass_context
def set_rules(
    context: click.Context,
    *,
    name: str,
    running: int | str | None,
    rate: tuple[int | None, float] | None,
) -> None:
    """Set how many jobs of a queue run at once, or begin within a time, over all consumers.

    Jobs that run already go on. `all` takes a rule back.

    \b
    Examples:
      coserver queues set mail --running 2
      coserver queues set mail --rate 100/60
      coserver queues set mail --running all --rate all
    """
    if running is None and rate is None:
        raise click.UsageError("Say what to set: --running, --rate, or both.")

    def work(connection: Connection) -> None:
        if running is not None:
            most = None if running == NUMBER_OR_ALL.ALL else int(running)
            manage.set_max_running(connection, name, most)
        if rate is not None:
            manage.set_rate(connection, name, *rate)

    with find_access(context).open() as engine:
        store.write(engine, work)
    say(f"The rules of queue {name} are set.")


@queues.command("pause", short_help="Let no job of a queue begin.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_queue)
@access_options
@click.pass_context
def pause_queues(context: click.Context, *, names: tuple[str, ...]) -> None:
    """Let no job of these queues begin any more.

    That takes a second. Jobs that run go on, and jobs can be queued.

    \b
    Example:
      coserver queues pause mail
    """
    _pause(context, names, paused=True)


@queues.command("resume", short_help="Let the jobs of a paused queue begin again.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_queue)
@access_options
@click.pass_context
def resume_queues(context: click.Context, *, names: tuple[str, ...]) -> None:
    """Let the jobs of paused queues begin again.

    \b
    Example:
      coserver queues resume mail
    """
    _pause(context, names, paused=False)


def _pause(context: click.Context, names: tuple[str, ...], *, paused: bool) -> None:
    def work(connection: Connection) -> None:
        for name in names:
            manage.pause(connection, name, paused=paused, by=who())

    with find_access(context).open() as engine:
        store.write(engine, work)
    for name in names:
        say(f"Queue {name} is {'paused' if paused else 'resumed'}.")


def find_rules(connection: Connection) -> Rules:
    """Return the rules of the queues that have any, as people read them."""
    rules: Rules = {}
    for queue in claim.read_snapshot(connection, manage.queues(connection) or ["default"]).queues:
        found = {
            "paused": "paused" if queue.is_paused else None,
            "running": None if queue.max_running is None else f"at most {queue.max_running} run",
            "rate": None
            if queue.rate_number is None
            else f"{queue.rate_number} begin in {queue.rate_period:g} s",
        }
        rules[queue.name] = {name: text for name, text in found.items() if text is not None}
    return rules


def count_jobs(connection: Connection) -> Counts:
    """Return how many jobs each known queue has in each state, also queues without any."""
    empty: Counts = {name: {} for name in manage.queues(connection)}
    return empty | manage.counts(connection)


def write_counts(counts: Counts, rules: Rules) -> None:
    """Write a table with a column for each state that occurs, and one for rules if any are set."""
    states = [state for state in State if any(state in by_state for by_state in counts.values())]
    has_rules = any(rules.values())
    write_table(
        ["QUEUE", *[state.upper() for state in states], *(["RULES"] if has_rules else [])],
        [
            [
                name,
                *[by_state.get(state, 0) for state in states],
                *(["; ".join(rules.get(name, {}).values())] if has_rules else []),
            ]
            for name, by_state in sorted(counts.items())
        ],
    )
    if _count_ended(counts) >= manage.MAX_COUNTED:
        say(f"Of the jobs that have ended, the newest {manage.MAX_COUNTED:,} are counted.")


def _count_ended(counts: Counts) -> int:
    return sum(
        number
        for by_state in counts.values()
        for state, number in by_state.items()
        if not state.is_live
    )
