"""``coserver jobs retry`` and ``cancel``: for some jobs by their ids, or for many by filters.

``run_change`` does as much for the commands of ``placement``.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import click
from sqlalchemy import Connection, Engine

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.completion import complete_job
from coserver_consumer.cli.counts import write_counts
from coserver_consumer.cli.filters import Chosen, filter_options, make_wanted
from coserver_consumer.cli.numbers import count_jobs
from coserver_consumer.cli.output import say, who, write_json
from coserver_consumer.model.job import State
from coserver_consumer.model.lifecycle import WAITING
from coserver_consumer.producer.bulk import Act, Done, change_all, make_act, notify_of_moved
from coserver_consumer.producer.known_queues import KnownQueues
from coserver_consumer.producer.notifier import find_notifier
from coserver_consumer.protocol.signing import make_renewal
from coserver_consumer.store import manage
from coserver_consumer.store.manage import Count

Command = TypeVar("Command", bound=Callable[..., Any])

MAX_LISTED = 10  # jobs that are written one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is done to jobs; of many only to those in ``states``, unless others are asked for.

    ``moved_to`` is the queue, which is to be known, that they are in afterwards.
    """

    verb: str
    act: Act
    describe: Callable[[object], str]
    states: Sequence[State]
    moved_to: str | None = None


def change_options(command: Command) -> Command:
    """Add the options that all changes have in common."""
    options: tuple[Callable[[Command], Command], ...] = (
        access_options,
        json_option,
        click.option("--dry-run", is_flag=True, help="With filters: only count the jobs."),
        click.option("--yes", is_flag=True, help="With filters: don't ask."),
        filter_options,
        click.argument("job_ids", metavar="[ID]...", nargs=-1, shell_complete=complete_job),
    )
    for option in options:
        command = option(command)
    return command


@click.command("retry", short_help="Run ended jobs again, scheduled ones now.")
@change_options
@click.pass_context
def retry_jobs(context: click.Context, /, **given: Any) -> None:
    """Run ended jobs again, with their full number of attempts, or scheduled jobs now.

    Name jobs by their ids; the beginning or the end of an id is enough. Then either all of them are
    changed or, with exit code 1 or 3, none. Or choose any number of jobs by the options of `jobs
    list`; without --state those that have failed. They are counted, you are asked, and they are
    changed page by page. If a job can't be changed, the reason is written and the exit code is 1.

    \b
    Examples:
      coserver jobs retry 89abcdef
      coserver jobs retry --queue mail --ended-since 2h
      coserver jobs retry --state failed --state cancelled --task http --dry-run
    """
    settings = find_access(context).load()
    renew = make_renewal(lambda: settings.secret_text)

    change = Change(
        verb="Run again",
        act=make_act(manage.retry, manage.retry_many, by=who(), renew=renew),
        describe=lambda _: "ready to run again",
        states=[State.FAILED],
    )
    run_change(context, change, given)


@click.command("cancel", short_help="Cancel jobs that wait or run.")
@click.option(
    "--kill", is_flag=True, help="Don't wait for running jobs: end the processes that run them."
)
@change_options
@click.pass_context
def cancel_jobs(context: click.Context, /, *, kill: bool, **given: Any) -> None:
    """Cancel jobs: waiting ones at once, running ones when their task next checks.

    With --kill a running job isn't waited for: at its next heartbeat the consumer replaces the
    process that runs it, and gives the other jobs of that process back. A job that Zope runs for
    the consumer over HTTP goes on there, but can't commit.

    Name jobs by their ids; the beginning or the end of an id is enough. Then either all of them are
    cancelled or, with exit code 1 or 3, none. Or choose any number of jobs by the options of `jobs
    list`; without --state those that wait or run. They are counted, you are asked, and they are
    cancelled page by page. If a job can't be cancelled, the reason is written and the exit code is
    1.

    \b
    Examples:
      coserver jobs cancel 89abcdef
      coserver jobs cancel --kill 89abcdef
      coserver jobs cancel --queue mail --state scheduled --yes
    """
    change = Change(
        verb="Cancel",
        act=make_act(manage.cancel, manage.cancel_many, by=who(), kill=kill),
        describe=lambda state: "cancelled" if state is State.CANCELLED else "asked to stop",
        states=(*WAITING, State.RUNNING),
    )
    run_change(context, change, given)


def run_change(context: click.Context, change: Change, given: dict[str, Any]) -> None:
    """Change the jobs that are named, or those that the filters let through.

    ``given`` are the values of ``change_options``.
    """
    job_ids, is_sure = given.pop("job_ids"), given.pop("yes")
    as_json, is_dry = given.pop("as_json"), given.pop("dry_run")
    chosen = cast("Chosen", given)
    if job_ids and any(chosen.values()):
        raise click.UsageError("Name jobs by their ids or by options, not by both.")
    if not job_ids and not any(chosen.values()):
        raise click.UsageError("Say which jobs: by their ids, or by options such as --state.")
    access = find_access(context)
    max_rescues = access.load().max_rescues
    with access.open() as engine:
        if change.moved_to is not None:
            KnownQueues(engine).require([change.moved_to])
        if job_ids:
            _write(change, _change_named(engine, change, job_ids), as_json=as_json)
            return
        wanted, counts = store.read(engine, lambda c: _count(c, change, chosen, max_rescues))
        if is_dry or not counts:
            write_counts(counts, as_json=as_json)
            return
        _make_sure(change, counts, is_sure=is_sure)
        done = _change_many(engine, change, wanted, counts)
    _write(change, done, as_json=as_json)
    if any(each.refusal for each in done):
        context.exit(1)


def _change_named(engine: Engine, change: Change, names: Sequence[str]) -> list[Done]:
    """Change all of these jobs, or none."""

    def work(connection: Connection) -> list[Done]:
        job_ids = dict.fromkeys(manage.find_id(connection, each) for each in names)
        return [Done(job_id, change.act.one(connection, job_id)) for job_id in job_ids]

    return _notify(engine, change, store.write(engine, work))


def _count(
    connection: Connection, change: Change, chosen: Chosen, max_rescues: int
) -> tuple[dict[str, Any], list[Count]]:
    wanted = make_wanted(connection, chosen, max_rescues)
    wanted.setdefault("states", change.states)
    return wanted, manage.count(connection, **wanted)


def _make_sure(change: Change, counts: list[Count], *, is_sure: bool) -> None:
    """Ask the person at the terminal; a script must have said --yes."""
    if is_sure:
        return
    number = count_jobs(_sum(counts))
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{number} would be changed: say --yes to go on, --dry-run to count only."
        )
    write_counts(counts, as_json=False)
    click.confirm(f"{change.verb}: {number}?", abort=True)


def _change_many(
    engine: Engine, change: Change, wanted: dict[str, Any], counts: list[Count]
) -> list[Done]:
    done = []
    with click.progressbar(
        length=_sum(counts), label=change.verb, file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        for each in change_all(engine, wanted, change.act):
            done.append(each)
            bar.update(1)
    return _notify(engine, change, done)


def _notify(engine: Engine, change: Change, done: list[Done]) -> list[Done]:
    """Have the consumers look that may run what was moved, before this process ends."""
    if change.moved_to is None:
        return done
    notified = [*notify_of_moved(engine, done, change.moved_to)]
    find_notifier(engine).flush()
    return notified


def _sum(counts: list[Count]) -> int:
    return sum(count.number for count in counts)


def _write(change: Change, done: list[Done], *, as_json: bool) -> None:
    """Write what came of the jobs: one by one if they are few, else how many."""
    changed = [each for each in done if not each.refusal]
    refused = [each for each in done if each.refusal]
    if as_json:
        write_json(
            {
                "changed": {each.job_id: change.describe(each.answer) for each in changed},
                "refused": {each.job_id: each.refusal for each in refused},
            }
        )
        return
    if len(changed) <= MAX_LISTED:
        for each in changed:
            say(f"Job {each.job_id} is {change.describe(each.answer)}.")
    else:
        for what, number in Counter(change.describe(each.answer) for each in changed).items():
            say(f"{count_jobs(number)} {'is' if number == 1 else 'are'} {what}.")
    for each in refused[:MAX_LISTED]:
        say(each.refusal or "", err=True)
    if refused:
        verb = "wasn't" if len(refused) == 1 else "weren't"
        say(f"{len(refused)} of {count_jobs(len(done))} {verb} changed.", err=True)
