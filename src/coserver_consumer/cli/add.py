"""``coserver add``: queue a job."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.output import write_json
from coserver_consumer.client import Client


class Moment(click.ParamType[datetime]):
    """A date and time in ISO 8601; local time if it names no zone."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """Return the moment with its zone."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value).astimezone()
        except ValueError:
            self.fail(f"{value!r} isn't a time such as 2030-01-31T08:00.", param, ctx)


@click.command(short_help="Queue a job.")
@click.argument("task")
@click.argument("pairs", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--args", "text", metavar="JSON", help="The arguments as a JSON object.")
@click.option("--queue", default="default", show_default=True, help="The queue.")
@click.option("--priority", type=int, help="A minute's head start for each point.")
@click.option("--delay", type=float, metavar="SECONDS", help="Not before that time has passed.")
@click.option("--eta", type=Moment(), help="Not before then, such as 2030-01-31T08:00.")
@click.option("--max-attempts", type=int, help="How often it may be tried.")
@click.option("--timeout", type=float, metavar="SECONDS", help="How long an attempt may take.")
@click.option("--unique", metavar="KEY", help="None is added while one with this key is live.")
@click.option(
    "--unique-for",
    type=float,
    metavar="SECONDS",
    help="Its key is held so long, whether it has ended or not; 0: until a consumer takes it.",
)
@click.option("--limit", metavar="KEY", help="Only so many with it run at once; see `limits`.")
@click.option("--after", metavar="ID", multiple=True, help="Not before that job is completed.")
@click.option("--accepts-failure", is_flag=True, help="With --after: also if it fails.")
@click.option("--title", help="What people read.")
@click.option("--requires", multiple=True, help="What its consumer must be able to do.")
@click.option(
    "--payload", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file."
)
@json_option
@access_options
@click.pass_context
def add(
    context: click.Context,
    /,
    *,
    task: str,
    pairs: tuple[str, ...],
    text: str | None,
    payload: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Queue a job of TASK and write its id.

    A VALUE that is JSON is taken as such, other text as it is. Jobs of the task `view` run as a
    Plone user and can only be queued by Plone.

    \b
    Examples:
      coserver add http url=https://example.com/ping
      coserver add mail.send --args '{"to": "a@example.com"}' --queue mail --delay 60
    """
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    if payload is not None:
        given["payload"] = payload.read_bytes()
    settings = find_access(context).load()
    limit = settings.max_payload
    with find_access(context).open() as engine, Client(engine, max_payload=limit) as client:
        job_id = client.add(task, read_arguments(text, pairs), **given)
    if as_json:
        write_json({"id": job_id})
    else:
        click.echo(job_id)


def read_arguments(text: str | None, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments that ``--args`` and the pairs give together."""
    try:
        arguments = json.loads(text) if text else {}
    except ValueError as error:
        raise click.BadParameter(f"isn't JSON: {error}", param_hint="--args") from None
    if not isinstance(arguments, dict):
        raise click.BadParameter("isn't a JSON object", param_hint="--args")
    return arguments | dict(_read_pair(pair) for pair in pairs)


def _read_pair(pair: str) -> tuple[str, Any]:
    key, separator, value = pair.partition("=")
    if not key or not separator:
        raise click.BadParameter(f"{pair!r} isn't KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
