"""The options that choose jobs: the same for lists and for changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypedDict, TypeVar

import click
from sqlalchemy import Connection

from coserver_consumer.cli.completion import complete_queue, complete_task
from coserver_consumer.cli.texts import FILLED_TEXT
from coserver_consumer.cli.times import SINCE
from coserver_consumer.model.job import State
from coserver_consumer.producer.filters import read_filter

Command = TypeVar("Command", bound=Callable[..., Any])


class Chosen(TypedDict):
    """The values that were given for the options."""

    states: tuple[str, ...]
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    owner: str | None
    site: str | None
    text: str | None
    since: datetime | timedelta | None
    ended_since: datetime | timedelta | None
    quarantined: bool


OPTIONS = (
    click.option(
        "--state",
        "states",
        multiple=True,
        type=click.Choice([state.value for state in State]),
        help="Only jobs in this state.",
    ),
    click.option(
        "--queue",
        "queues",
        multiple=True,
        type=FILLED_TEXT,
        metavar="NAME",
        shell_complete=complete_queue,
        help="Only jobs in this queue.",
    ),
    click.option(
        "--task",
        "tasks",
        multiple=True,
        type=FILLED_TEXT,
        metavar="NAME",
        shell_complete=complete_task,
        help="Only jobs of this task.",
    ),
    click.option(
        "--owner",
        type=FILLED_TEXT,
        metavar="USER",
        help="Only jobs that run as this Plone user.",
    ),
    click.option(
        "--site",
        type=FILLED_TEXT,
        metavar="PATH",
        help="Only jobs of the Plone site with this path.",
    ),
    click.option("--text", type=FILLED_TEXT, help="Only jobs with this text in title, task or id."),
    click.option(
        "--since",
        type=SINCE,
        metavar="TIME",
        help="Only jobs queued since then: 90s, 30m, 2h or 1d ago, or since 2030-01-31T08:00.",
    ),
    click.option(
        "--ended-since", type=SINCE, metavar="TIME", help="Only jobs that have ended since then."
    ),
    click.option(
        "--quarantined",
        is_flag=True,
        help="Only jobs that failed because they seemed to kill their consumers.",
    ),
)


def filter_options(command: Command) -> Command:
    """Add the options to a command, which gets them as ``Chosen``."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def make_wanted(connection: Connection, chosen: Chosen, max_rescues: int) -> dict[str, Any]:
    """Return what was chosen for ``manage.find`` and ``manage.count``."""
    said = {name: value or None for name, value in chosen.items() if name != "quarantined"}
    quarantined = {"min_rescues": max_rescues} if chosen["quarantined"] else {}
    return read_filter(connection, said) | quarantined
