"""``coserver jobs``: look at jobs; their changes are in ``changes`` and ``placement``."""

from __future__ import annotations

from typing import Any, cast

import click
from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.changes import cancel_jobs, retry_jobs
from coserver_consumer.cli.completion import complete_job, job_id_argument
from coserver_consumer.cli.counts import count_jobs
from coserver_consumer.cli.filters import Chosen, filter_options, make_wanted
from coserver_consumer.cli.output import (
    is_terminal,
    iso_time,
    job_as_json,
    local_time,
    say,
    short_time,
    write_json,
    write_lines,
    write_table,
)
from coserver_consumer.cli.placement import move_jobs, set_priority
from coserver_consumer.cli.texts import FILLED_TEXT
from coserver_consumer.cli.timeline import Moment, make_timeline
from coserver_consumer.client import Client
from coserver_consumer.model.job import Job
from coserver_consumer.store import finish, manage
from coserver_consumer.store.manage import AttemptError

COLUMNS = ["ID", "STATE", "QUEUE", "ATTEMPT", "CREATED", "NAME", "ERROR"]
TOLD_BY_TIMELINE = (
    *("created_at", "run_at", "expires_at", "started_at", "cancel_at", "ended_at"),
    "error",
)


@click.group()
def jobs() -> None:
    """Look at jobs, run them again, cancel them, let them run sooner or elsewhere.

    Wherever you name a job, the beginning or the end of its id is enough.
    """


@jobs.command("list", short_help="List jobs, the newest first.")
@filter_options
@click.option(
    "--before",
    type=FILLED_TEXT,
    metavar="ID",
    shell_complete=complete_job,
    help="Only jobs queued before this one: the next page.",
)
@click.option(
    "--limit",
    metavar="NUMBER",
    default=50,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="How many jobs at most.",
)
@click.option("--wide", is_flag=True, help="Write ids and texts in full on a terminal, too.")
@json_option
@access_options
@click.pass_context
def list_jobs(
    context: click.Context,
    /,
    *,
    before: str | None,
    limit: int,
    wide: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """List jobs, live and ended, the newest first.

    --state, --queue and --task widen the choice if they are given several times; different options
    narrow it. A terminal shows the last eight characters of an id, which every other command takes
    for the whole id; a pipe gets a line for each job, with nothing cut off.

    \b
    Examples:
      coserver jobs list --state failed --state cancelled
      coserver jobs list --queue mail --since 2h
      coserver jobs list --queue mail --limit 10 --json
    """

    def work(connection: Connection) -> list[Job]:
        wanted = make_wanted(connection, cast("Chosen", chosen), max_rescues)
        last = manage.find_id(connection, before) if before else None
        return manage.find(connection, before=last, limit=limit, **wanted)

    max_rescues = find_access(context).load().max_rescues
    with find_access(context).open() as engine:
        found = store.read(engine, work)
    if as_json:
        write_json([job_as_json(job) for job in found])
    elif not found:
        say("No jobs.")
    elif wide or not is_terminal():
        write_lines(COLUMNS, [_row(job) for job in found])
    else:
        write_table(COLUMNS, [_short_row(job) for job in found], flexible=("NAME", "ERROR"))


def _short_row(job: Job) -> list[str | None]:
    _, *others, created, name, error = _row(job)
    return [manage.shorten(job.id), *others, short_time(created), name, error]


def _row(job: Job) -> list[str | None]:
    return [
        job.id,
        str(job.state),
        job.queue,
        f"{job.attempt}/{job.max_attempts}" if job.max_attempts else str(job.attempt),
        local_time(job.created_at),
        job.name,
        job.error,
    ]


@jobs.command("show", short_help="Show one job and its timeline.")
@job_id_argument
@json_option
@access_options
@click.pass_context
def show_job(context: click.Context, *, job_id: str, as_json: bool) -> None:
    """Show one job, what happened to it and when.

    The beginning or the end of its ID is enough. The exit code is 3 if there is no such job.

    \b
    Examples:
      coserver jobs show 456789ab
      coserver jobs show 01980cf2-53a1-7000-8000-0123456789ab --json
    """

    def work(connection: Connection) -> tuple[Job, list[AttemptError], list[Moment]]:
        job = manage.get(connection, manage.find_id(connection, job_id))
        attempts, lines = manage.attempts(connection, job.id), manage.lines(connection, job.id)
        canceller = finish.find_canceller(connection, job.id) if job.cancel_at else None
        return job, attempts, make_timeline(job, attempts, lines, canceller=canceller)

    with find_access(context).open() as engine:
        job, attempts, timeline = store.read(engine, work)
    if as_json:
        _write_as_json(job, attempts, timeline)
    else:
        _write_for_people(job, attempts, timeline)


def _write_as_json(job: Job, attempts: list[AttemptError], timeline: list[Moment]) -> None:
    moments = [{"at": iso_time(moment.at), "what": moment.what} for moment in timeline]
    failures = [
        {
            "attempt": failed.attempt,
            "at": iso_time(failed.at),
            "error": failed.error,
            "traceback": failed.traceback,
        }
        for failed in attempts
    ]
    write_json(job_as_json(job) | {"timeline": moments, "failures": failures})


def _write_for_people(job: Job, attempts: list[AttemptError], timeline: list[Moment]) -> None:
    shown = {key: value for key, value in job_as_json(job).items() if value not in (None, [], {})}
    for key in TOLD_BY_TIMELINE:
        shown.pop(key, None)
    for key, value in shown.items():
        say(f"{key + ':':<15}{value}")
    say("\nTimeline")
    for moment in timeline:
        say(f"  {local_time(moment.at)}  {moment.what}")
    if attempts and attempts[-1].traceback:
        say(f"\nLast traceback\n{attempts[-1].traceback}")


@jobs.command("result", short_help="Write the result of a job.")
@job_id_argument
@click.option(
    "--wait",
    type=click.FloatRange(0, max=86_400),
    default=0,
    metavar="SECONDS",
    help="How long to wait for the job to end.",
)
@access_options
@click.pass_context
def write_result(context: click.Context, *, job_id: str, wait: float) -> None:
    """Write a completed job's result as JSON.

    The beginning or the end of its ID is enough. The exit code is 1 if there is no result, because
    the job hasn't ended, has failed, or had a result too large to be kept; it is 3 if there is no
    such job.

    \b
    Example:
      coserver jobs result 456789ab --wait 60
    """
    with find_access(context).open() as engine, Client(engine) as client:
        whole = store.read(engine, lambda connection: manage.find_id(connection, job_id))
        write_json(client.result(whole, wait))


for command in (count_jobs, retry_jobs, cancel_jobs, set_priority, move_jobs):
    jobs.add_command(command)
