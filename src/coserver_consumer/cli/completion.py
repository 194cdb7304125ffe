"""What a shell offers where the name of a queue, a task, a limit or a job belongs.

A shell that completes a word can't show what is wrong, so nothing is offered if the database can't
be asked. The store is imported only then: ``coserver run`` needs none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

import click
from click.shell_completion import CompletionItem

from coserver_consumer.cli.access import find_access

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")

MAX_JOBS = 50  # of which the ids are offered, the newest


def complete_queue(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the queues that are known."""
    from coserver_consumer.store import manage

    return _offer(_ask(context, manage.queues), incomplete)


def complete_task(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the tasks that are installed here, or that a consumer knows."""
    from coserver_consumer.store import manage
    from coserver_consumer.tasks.registry import installed_names

    def find(connection: Connection) -> list[str]:
        return [name for each in manage.consumers(connection) for name in each.tasks]

    return _offer({*_ask(context, find), *installed_names()}, incomplete)


def complete_limit(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the limits that are set."""
    from coserver_consumer.store import claim

    names = _ask(context, lambda connection: [limit.name for limit in claim.limits(connection)])
    return _offer(names, incomplete)


def complete_key(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the names of the keys that could be revoked."""
    from coserver_consumer.store import manage

    def find(connection: Connection) -> list[str]:
        return [each.grant.name for each in manage.keys(connection) if not each.known.is_past]

    return _offer(_ask(context, find), incomplete)


def complete_job(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the ids of the newest jobs that begin or end like this."""
    from coserver_consumer.store import manage

    def find(connection: Connection) -> list[CompletionItem]:
        return [
            CompletionItem(job.id, help=f"{job.state} {job.name}")
            for job in manage.find(connection, limit=MAX_JOBS)
            if job.id.startswith(incomplete) or job.id.endswith(incomplete)
        ]

    return _ask(context, find)


def _ask(context: click.Context, find: Callable[[Connection], list[T]]) -> list[T]:
    from coserver_consumer import store

    try:
        with find_access(context).open() as engine:
            return store.read(engine, find)
    except Exception:  # noqa: BLE001  whatever is wrong, the command itself will say it
        return []


def _offer(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


job_id_argument = click.argument("job_id", metavar="ID", shell_complete=complete_job)
