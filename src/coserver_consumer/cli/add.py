"""``coserver add``: queue a job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.completion import complete_task
from coserver_consumer.cli.group import fail_unwritten
from coserver_consumer.cli.job_options import find_given, job_options
from coserver_consumer.cli.output import write_json
from coserver_consumer.client import Client
from coserver_consumer.model.errors import InvalidJob, UnknownTask
from coserver_consumer.model.exception_text import brief, brief_text
from coserver_consumer.store import manage
from coserver_consumer.tasks.registry import installed_names, is_signed


@click.command(short_help="Queue a job.")
@click.argument("task", shell_complete=complete_task)
@click.argument("pairs", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--args", "args_json", metavar="JSON", help="The arguments as a JSON object.")
@job_options
@click.option(
    "--payload",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose bytes go along with the job.",
)
@click.option("--unknown-task-ok", is_flag=True, help="Queue it even if nobody knows the task yet.")
@json_option
@access_options
@click.pass_context
def add(
    context: click.Context,
    /,
    *,
    task: str,
    pairs: tuple[str, ...],
    args_json: str | None,
    payload: Path | None,
    unknown_task_ok: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Queue a job of TASK and write its id.

    A VALUE that is JSON is read as JSON, other text is taken as it is. A living consumer must know
    TASK, or it must be installed here. Jobs of the tasks `view`, `call` and `xmlrpc` run as a Plone
    user and are signed by Zope, so only Zope can queue them, for example in a script of zconsole.

    \b
    Examples:
      coserver add http url=https://example.com/ping
      coserver add http url=https://example.com/hook method=POST 'json={"a": 1}'
      coserver add mail.send --args '{"to": "a@example.com"}' --queue mail --delay 60
      coserver add http url=https://example.com/ping --expires 10m
    """
    settings = find_access(context).load()
    limit = settings.max_payload
    given = find_given(options)
    if payload is not None:
        given["payload"] = read_payload(payload, limit)
    arguments = read_arguments(args_json, pairs)
    refuse_signed(task)
    with find_access(context).open() as engine, Client(engine, max_payload=limit) as client:
        if not unknown_task_ok:
            check_task(engine, task, settings.dead_after)
        if after := given.pop("after", ()):
            given["after"] = store.read(
                engine, lambda c: [manage.find_id(c, each) for each in after]
            )
        job_id = client.add(task, arguments, **given)
    try:
        write_id(job_id, as_json=as_json)
    except OSError as error:
        raise fail_unwritten(error, f"Job {job_id} is queued") from None


def write_id(job_id: str, *, as_json: bool) -> None:
    """Write the id of a job that is queued."""
    if as_json:
        write_json({"id": job_id})
    else:
        click.echo(job_id)


def read_payload(file: Path, limit: int) -> bytes:
    """Return what is in the file; raise ``InvalidJob`` before more than the limit is read."""
    try:
        with file.open("rb") as opened:
            payload = opened.read(limit + 1)
    except OSError as error:
        raise click.BadParameter(
            f"can't read {file}: {error.strerror}", param_hint="--payload"
        ) from None
    if len(payload) > limit:
        raise InvalidJob(
            f"The payload {file} has more bytes than a job may have; the limit is {limit}, the "
            "setting max_payload. Pass the path or UID of what holds the data instead."
        )
    return payload


def refuse_signed(task: str) -> None:
    """Raise ``InvalidJob`` for a task whose jobs nobody but Zope can sign."""
    if is_signed(task):
        raise InvalidJob(
            f"Jobs of the task '{task}' run as a Plone user, so Zope signs them: queue them there, "
            "with collective.coserver.queue.add, also in a script (zconsole run zope.conf "
            "script.py), or by a Client with a key (coserver keys add). For a page that anybody "
            "may see, the task 'http' will do."
        )


def check_task(engine: Engine, task: str, dead_after: float) -> None:
    """Raise ``UnknownTask`` if neither a living consumer nor this machine knows the task."""
    consumers = store.read(engine, manage.consumers)
    living = [name for each in consumers if not each.is_dead(dead_after) for name in each.tasks]
    known = sorted({*living, *installed_names()})
    if task not in known:
        raise UnknownTask(
            f"No task is called '{brief_text(task)}'; known to living consumers or installed here "
            f"are: {', '.join(known)}. If a consumer that will run knows it, say --unknown-task-ok."
        )


def read_arguments(text: str | None, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments that ``--args`` and the pairs give together; a pair outweighs it."""
    try:
        arguments = {} if text is None else _read_json(text, "--args")
    except ValueError as error:
        raise click.BadParameter(f"isn't JSON: {error}", param_hint="--args") from None
    except RecursionError:
        raise click.BadParameter("is nested too deep", param_hint="--args") from None
    if not isinstance(arguments, dict):
        raise click.BadParameter("isn't a JSON object", param_hint="--args")
    return arguments | _join([_read_pair(pair) for pair in pairs], "[KEY=VALUE]...")


def _read_pair(pair: str) -> tuple[str, Any]:
    key, separator, value = pair.partition("=")
    if not key or not separator:
        raise click.BadParameter(f"{pair!r} isn't KEY=VALUE")
    try:
        return key, _read_json(value, key)
    except ValueError:
        return key, value
    except RecursionError:
        raise click.BadParameter(f"the value of {key} is nested too deep") from None


def _read_json(text: str, where: str) -> Any:
    """Return what the JSON says; raise ``ValueError`` for other text, as for ``NaN``."""
    return json.loads(
        text, object_pairs_hook=lambda pairs: _join(pairs, where), parse_constant=_refuse_constant
    )


def _join(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    """Return the pairs as a mapping; one of two values for a name would be lost without a word."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            said = f"{brief(name)} is given twice: leave one of them out, or give a list."
            raise click.BadParameter(said, param_hint=where)
        found[name] = value
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON's")
