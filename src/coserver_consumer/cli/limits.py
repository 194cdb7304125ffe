"""``coserver limits``: how many jobs with the same concurrency key run at once."""

from __future__ import annotations

import click
from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.completion import complete_limit
from coserver_consumer.cli.numbers import NUMBER_OR_ALL
from coserver_consumer.cli.output import say, write_json, write_table
from coserver_consumer.store import claim


@click.group(short_help="Set how many jobs with the same key run.")
def limits() -> None:
    """Set how many jobs with the same concurrency key run at once.

    Whoever queues a job gives it its key. The limit of a key is the one with the same name; else it
    is the one with the longest beginning of the key before a *, such as 'tenant:*'. The limit * is
    for all other keys; it is 1 unless you set it.
    """


@limits.command("list", short_help="List the limits, and what runs under each key.")
@json_option
@access_options
@click.pass_context
def list_limits(context: click.Context, *, as_json: bool) -> None:
    """List the limits, and how many jobs run now with each key.

    \b
    Example:
      coserver limits list
    """

    def work(connection: Connection) -> tuple[list[claim.Limit], dict[str, int]]:
        running = claim.count_running(connection)[1]
        return claim.limits(connection), {key: number for key, number in running.items() if key}

    with find_access(context).open() as engine:
        found, running = store.read(engine, work)
    if as_json:
        limits = {limit.name: limit.max_running for limit in found}
        write_json({"limits": limits, "running": running})
        return
    write_table(["LIMIT", "RUN AT ONCE"], [[limit.name, _show(limit)] for limit in found])
    if running:
        click.echo()
        write_table(["KEY", "RUNNING", "LIMIT"], [_row(found, item) for item in running.items()])


def _row(found: list[claim.Limit], item: tuple[str, int]) -> list[str | int]:
    key, number = item
    return [key, number, claim.find_limit(found, key).name]


def _show(limit: claim.Limit) -> str:
    return "all" if limit.max_running is None else str(limit.max_running)


@limits.command("set", short_help="Set a limit.")
@click.argument("name", shell_complete=complete_limit)
@click.argument("number", type=NUMBER_OR_ALL)
@access_options
@click.pass_context
def set_limit(context: click.Context, *, name: str, number: int | str) -> None:
    """Let at most NUMBER jobs run at once of each key that NAME fits; `all` means any number.

    With `all` the jobs of different keys still take turns at the threads, so that many jobs of one
    tenant don't delay those of another. Jobs that run already go on.

    \b
    Examples:
      coserver limits set feeds 2
      coserver limits set 'tenant:*' all
    """
    most = None if number == NUMBER_OR_ALL.ALL else int(number)
    with find_access(context).open() as engine:
        store.write(engine, lambda connection: claim.set_limit(connection, name, most))
    say(f"Limit {name} is {number}.")


@limits.command("remove", short_help="Remove a limit.")
@click.argument("name", shell_complete=complete_limit)
@access_options
@click.pass_context
def remove_limit(context: click.Context, *, name: str) -> None:
    """Remove a limit; its keys get the next one that fits. The limit * becomes 1 again.

    \b
    Example:
      coserver limits remove feeds
    """
    with find_access(context).open() as engine:
        store.write(engine, lambda connection: claim.remove_limit(connection, name))
    say(f"Limit {name} is removed.")
