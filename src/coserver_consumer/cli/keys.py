"""``coserver keys``: what other programs may have Plone do, and as whom."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.completion import complete_key
from coserver_consumer.cli.group import fail_unwritten
from coserver_consumer.cli.output import iso_time, local_time, say, who, write_json, write_table
from coserver_consumer.cli.times import UNTIL
from coserver_consumer.model.errors import ConfigurationError, InvalidKey
from coserver_consumer.model.job import new_id
from coserver_consumer.protocol.grant import Grant, make_grant
from coserver_consumer.protocol.key import make_key
from coserver_consumer.protocol.known_key import KeyState, Worth, assess, seal_grant
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import SECOND, manage
from coserver_consumer.store.manage import KeyRecord

FOR_OWNER_ONLY = 0o600


@click.group(short_help="Give programs keys to name jobs of Plone.")
def keys() -> None:
    """Give other programs keys: who holds one can have Plone do what it names, and nothing else.

    A program hands its key to `Client(url, key=...)`. What it queues then runs as the key's user,
    in the key's site. Adding a key needs the secret that Zope and its consumers share.
    """


@keys.command("add", short_help="Make a key, and write it once.")
@click.argument("name")
@click.option("--user", "owner", required=True, help="The id of the user as whom its jobs run.")
@click.option("--site", required=True, help="The path of the site, such as /Plone.")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    required=True,
    help="What it may have done: call:my.addon.tasks.sync for a function, view:/Plone/@@import "
    "for a view, view:/Plone/news/* for all below; several times for several.",
)
@click.option(
    "--expires",
    type=UNTIL,
    default="365d",
    show_default=True,
    help="When it ends: a span such as 12h or 90d, or a date.",
)
@click.option(
    "--user-folder", help="The path of the user folder that knows the user, if not the site's."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the key to this new file, which only you can read.",
)
@json_option
@access_options
@click.pass_context
def add_key(
    context: click.Context,
    /,
    *,
    expires: datetime | timedelta,
    output: Path | None,
    as_json: bool,
    **said: Any,
) -> None:
    """Make a key called NAME for a program, and write it; it is never shown again.

    The program can have Plone call these functions and views with any plain arguments, as this user
    and until this moment. Whether the user exists, Zope finds out when a job runs.

    \b
    Examples:
      coserver keys add sync --user bot --site /Plone --task call:my.addon.tasks.sync --expires 90d
      coserver keys add feeds --user bot --site /Plone --task view:/Plone/@@feed --output feeds.key
    """
    settings = find_access(context).load()
    secret, public_url = settings.secret_text, settings.public_url
    with find_access(context).open() as engine:
        now = store.read(engine, manage.now) // SECOND
        end = _to_end(expires, now)
        grant = make_grant(id=new_id(), expires=end, public_url=public_url, **said)
        seal, text = seal_grant(grant, secret), make_key(grant, secret).as_text()
        with _written(output, text):
            store.write(engine, lambda c: manage.add_key(c, grant, seal, by=who()))
    try:
        _tell(grant, None if output else text, output, as_json=as_json)
    except OSError as error:
        raise fail_unwritten(error, f"Key {grant.name} is added") from None


def _to_end(expires: datetime | timedelta, now: int) -> int:
    """Return the moment in seconds since the epoch; raise ``InvalidKey`` for one that is past."""
    if isinstance(expires, timedelta):
        end = now + int(expires.total_seconds())
    else:
        end = int(expires.timestamp())
    if end <= now:
        raise InvalidKey("The key would have expired already: --expires is to be in the future.")
    return end


@contextmanager
def _written(file: Path | None, text: str) -> Iterator[None]:
    """Write the key to a new file before the block; it is removed if the block fails."""
    if file is None:
        yield
        return
    if str(file) == "-":
        raise click.BadParameter(
            "names a file; leave it out, and the key is written to standard output.",
            param_hint="--output",
        )
    try:
        opened = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FOR_OWNER_ONLY)
        with os.fdopen(opened, "w") as writer:
            writer.write(text + "\n")
    except OSError as error:
        said = f"can't write {file}: {error.strerror}"
        raise click.BadParameter(said, param_hint="--output") from None
    try:
        yield
    except BaseException:
        file.unlink()
        raise


def _tell(grant: Grant, text: str | None, output: Path | None, *, as_json: bool) -> None:
    end = local_time(grant.expires * SECOND)
    if as_json:
        write_json({"id": grant.id, "name": grant.name, "expires_at": _iso(grant), "key": text})
        return
    say(f"Key {grant.name} ({grant.id}) is valid until {end}, for {grant.owner} in {grant.site}:")
    say("".join(f"  {task}\n" for task in grant.tasks))
    if output is not None:
        say(f"It is in {output}.")
        return
    say("This is the key. It isn't shown again; keep it like a password:\n")
    click.echo(text)


@keys.command("list", short_help="List the keys and their use.")
@click.option("--all", "with_ended", is_flag=True, help="Also those that are revoked or expired.")
@json_option
@access_options
@click.pass_context
def list_keys(context: click.Context, *, with_ended: bool, as_json: bool) -> None:
    """List the keys: what each is worth and allows, who added or revoked it, and its use.

    A key that is void, though nobody revoked it and it hasn't expired, is listed with the reason.

    \b
    Example:
      coserver keys list --all
    """
    settings = find_access(context).load()
    secret, revoked = _find_secret(settings), settings.revoked_keys
    with find_access(context).open() as engine:
        found = store.read(engine, manage.keys)
    assessed = [(each, assess(each.known, secret, revoked)) for each in found]
    shown = [each for each in assessed if with_ended or not _has_ended(*each)]
    if as_json:
        write_json([_as_json(*each) for each in shown])
        return
    columns = ["NAME", "ID", "STATE", "USER", "SITE", "TASKS", "EXPIRES", "JOBS", "LAST USED"]
    columns += ["ADDED BY", "REVOKED BY", "WHY"]
    write_table(columns, (_as_row(*each) for each in shown), flexible=["TASKS", "WHY"])


def _find_secret(settings: Settings) -> str | None:
    """Return the secret, None where it isn't known."""
    try:
        return settings.secret_text
    except ConfigurationError:
        return None


def _has_ended(key: KeyRecord, worth: Worth) -> bool:
    return key.known.is_past or worth.state is KeyState.REVOKED


def _as_row(key: KeyRecord, worth: Worth) -> list[Any]:
    grant = key.grant
    end, used = local_time(grant.expires * SECOND), local_time(key.last_used_at)
    what = [grant.owner, grant.site, ", ".join(grant.tasks), end]
    use = [key.jobs, used, key.created_by, key.revoked_by]
    return [grant.name, grant.id, worth.state, *what, *use, worth.why]


def _as_json(key: KeyRecord, worth: Worth) -> dict[str, Any]:
    grant = key.grant
    return {
        "id": grant.id,
        "name": grant.name,
        "state": worth.state,
        "why": worth.why,
        "user": grant.owner,
        "user_folder": grant.origin.get("user_folder"),
        "site": grant.site,
        "tasks": list(grant.tasks),
        "expires_at": _iso(grant),
        "created_at": iso_time(key.created_at),
        "created_by": key.created_by,
        "revoked_at": iso_time(key.known.revoked_at),
        "revoked_by": key.revoked_by,
        "last_used_at": iso_time(key.last_used_at),
        "jobs": key.jobs,
    }


def _iso(grant: Grant) -> str | None:
    return iso_time(grant.expires * SECOND)


@keys.command("revoke", short_help="Make a key invalid.")
@click.argument("name", shell_complete=complete_key)
@access_options
@click.pass_context
def revoke_key(context: click.Context, *, name: str) -> None:
    """Make the key with this name or id invalid at once, also for jobs that it has queued already.

    Jobs that run go on; `coserver jobs cancel` stops them. If somebody has the key who could write
    to the tables as well, name its id in the setting revoked_keys too: no table can undo that.

    \b
    Example:
      coserver keys revoke sync
    """

    def work(connection: Connection) -> list[str]:
        return manage.revoke_key(connection, name, by=who())

    with find_access(context).open() as engine:
        ids = store.write(engine, work)
    say(f"Key {name} is revoked: {', '.join(ids)}.")
