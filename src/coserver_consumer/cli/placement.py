"""``coserver jobs priority`` and ``move``: which waiting jobs come first, and in which queue."""

from __future__ import annotations

from typing import Any

import click

from coserver_consumer.cli.access import find_access
from coserver_consumer.cli.changes import Change, change_options, run_change
from coserver_consumer.cli.completion import complete_queue
from coserver_consumer.cli.output import who
from coserver_consumer.model.lifecycle import WAITING
from coserver_consumer.model.options import PRIORITY
from coserver_consumer.producer.bulk import make_act
from coserver_consumer.protocol.proof import make_transfer
from coserver_consumer.store import manage


@click.command("priority", short_help="Give waiting jobs another priority.")
@click.option(
    "--to",
    "priority",
    required=True,
    metavar="NUMBER",
    type=click.IntRange(PRIORITY.least, PRIORITY.most),
    help="The priority. Each point is a minute's head start; negative ones wait.",
)
@change_options
@click.pass_context
def set_priority(context: click.Context, /, *, priority: int, **given: Any) -> None:
    """Give jobs another priority that no consumer has begun: ready, scheduled and blocked ones.

    Name jobs by their ids; the beginning or the end of an id is enough. Then either all of them are
    changed or, with exit code 1 or 3, none. Or choose any number of jobs by the options of `jobs
    list`; without --state all that wait. They are counted, you are asked, and they are changed
    page by page. If a job can't be changed, the reason is written and the exit code is 1.

    \b
    Examples:
      coserver jobs priority --to 60 89abcdef
      coserver jobs priority --to -10 --queue mail --since 2h --dry-run
    """
    change = Change(
        verb="Set priority",
        act=make_act(manage.set_priority, manage.set_priority_many, priority=priority, by=who()),
        describe=lambda _: f"at priority {priority} now",
        states=tuple(WAITING),
    )
    run_change(context, change, given)


@click.command("move", short_help="Move waiting jobs to another queue.")
@click.option(
    "--to",
    "target",
    required=True,
    metavar="QUEUE",
    shell_complete=complete_queue,
    help="The queue they are in afterwards, which must be known.",
)
@change_options
@click.pass_context
def move_jobs(context: click.Context, /, *, target: str, **given: Any) -> None:
    """Move jobs to another queue that no consumer has begun: ready, scheduled and blocked ones.

    A job that runs as a Plone user is signed for its queue: to sign it for another, this command
    needs the secret that Zope has. The job of a program's key can't be moved.

    Name jobs by their ids; the beginning or the end of an id is enough. Then either all of them are
    moved or, with exit code 1 or 3, none. Or choose any number of jobs by the options of `jobs
    list`; without --state all that wait. They are counted, you are asked, and they are moved page
    by page. If a job can't be moved, the reason is written and the exit code is 1.

    \b
    Examples:
      coserver jobs move --to slow 89abcdef
      coserver jobs move --to slow --queue mail --task http --yes
    """
    settings = find_access(context).load()
    sign = make_transfer(lambda: settings.secret_text)

    change = Change(
        verb="Move",
        act=make_act(manage.move, manage.move_many, queue=target, by=who(), sign=sign),
        describe=lambda _: f"in queue {target} now",
        states=tuple(WAITING),
        moved_to=target,
    )
    run_change(context, change, given)
