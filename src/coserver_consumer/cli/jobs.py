"""``coserver jobs``: look at jobs, run them again, cancel them."""

from __future__ import annotations

import click
from sqlalchemy import Connection

from coserver_consumer import store
from coserver_consumer.cli.access import access_options, find_access, json_option
from coserver_consumer.cli.output import (
    iso_time,
    job_as_json,
    local_time,
    who,
    write_json,
    write_table,
)
from coserver_consumer.cli.timeline import Moment, make_timeline
from coserver_consumer.job import Job, State
from coserver_consumer.store import AttemptError, Line

job_ids = click.argument("job_ids", metavar="ID...", nargs=-1, required=True)


@click.group()
def jobs() -> None:
    """Look at jobs, run them again, cancel them."""


@jobs.command("list", short_help="List jobs, the newest first.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in State]),
    help="Only in this state.",
)
@click.option("--queue", "queues", multiple=True, help="Only of this queue.")
@click.option("--task", "tasks", multiple=True, help="Only of this task.")
@click.option("--owner", help="Only those that run as this Plone user.")
@click.option("--site", help="Only of the Plone site with this path.")
@click.option(
    "--quarantined", is_flag=True, help="Only those that failed since they killed their consumers."
)
@click.option("--text", help="Only with this text in title, task or id.")
@click.option("--before", metavar="ID", help="Only those queued before this job: the next page.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@json_option
@access_options
@click.pass_context
def list_jobs(
    context: click.Context,
    *,
    states: tuple[str, ...],
    queues: tuple[str, ...],
    tasks: tuple[str, ...],
    owner: str | None,
    site: str | None,
    quarantined: bool,
    text: str | None,
    before: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs, live and ended, the newest first.

    Options that may be given several times widen the choice.

    \b
    Examples:
      coserver jobs list --state failed --state cancelled
      coserver jobs list --queue mail --limit 10 --json
    """

    def work(connection: Connection) -> list[Job]:
        return store.find(
            connection,
            states=[State(state) for state in states],
            queues=queues,
            tasks=tasks,
            owner=owner,
            site=site,
            text=text,
            before=before,
            limit=limit,
            min_rescues=max_rescues if quarantined else None,
        )

    max_rescues = find_access(context).load().max_rescues
    with find_access(context).open() as engine:
        found = store.read(engine, work)
    if as_json:
        write_json([job_as_json(job) for job in found])
    elif found:
        write_table(
            ["ID", "STATE", "QUEUE", "ATTEMPT", "CREATED", "NAME", "ERROR"],
            [_row(job) for job in found],
        )
    else:
        click.echo("No jobs.")


def _row(job: Job) -> list[str | None]:
    return [
        job.id,
        str(job.state),
        job.queue,
        f"{job.attempt}/{job.max_attempts}",
        local_time(job.created_at),
        job.name,
        job.error,
    ]


@jobs.command("show", short_help="Show one job and its timeline.")
@click.argument("job_id", metavar="ID")
@json_option
@access_options
@click.pass_context
def show_job(context: click.Context, *, job_id: str, as_json: bool) -> None:
    """Show one job, what happened to it and when. Exit code 3 if there is none.

    \b
    Example:
      coserver jobs show 01980cf2-53a1-7000-8000-0123456789ab
    """

    def work(connection: Connection) -> tuple[Job, list[AttemptError], list[Line]]:
        job = store.get(connection, job_id)
        return job, store.attempts(connection, job_id), store.lines(connection, job_id)

    with find_access(context).open() as engine:
        job, attempts, lines = store.read(engine, work)
    timeline = make_timeline(job, attempts, lines)
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
    for key in ("created_at", "run_at", "started_at", "cancel_at", "ended_at", "error"):
        shown.pop(key, None)
    for key, value in shown.items():
        click.echo(f"{key + ':':<15}{value}")
    click.echo("\nTimeline")
    for moment in timeline:
        click.echo(f"  {local_time(moment.at)}  {moment.what}")
    if attempts and attempts[-1].traceback:
        click.echo(f"\nLast traceback\n{attempts[-1].traceback}")


@jobs.command("retry", short_help="Run ended jobs again, scheduled ones now.")
@job_ids
@access_options
@click.pass_context
def retry_jobs(context: click.Context, *, job_ids: tuple[str, ...]) -> None:
    """Run ended jobs again, with all their attempts before them, or scheduled ones now.

    Either all of the jobs are changed or, with exit code 1 or 3, none.

    \b
    Example:
      coserver jobs retry 01980cf2-53a1-7000-8000-0123456789ab
    """

    def work(connection: Connection) -> None:
        for job_id in job_ids:
            store.retry(connection, job_id, by=who())

    with find_access(context).open() as engine:
        store.write(engine, work)
    for job_id in job_ids:
        click.echo(f"Job {job_id} is ready to run again.")


@jobs.command("cancel", short_help="Cancel jobs that wait or run.")
@job_ids
@click.option(
    "--kill", is_flag=True, help="Don't wait for running jobs: end the processes that run them."
)
@access_options
@click.pass_context
def cancel_jobs(context: click.Context, *, job_ids: tuple[str, ...], kill: bool) -> None:
    """Cancel jobs: those that wait at once, those that run when their task looks up next.

    With --kill a running job isn't waited for: at its next heartbeat the consumer replaces the
    process that runs it, and gives the other jobs of that process back. A job that Zope runs for
    the consumer over HTTP goes on there, but can't commit. Either all of the jobs are changed or,
    with exit code 1 or 3, none.

    \b
    Examples:
      coserver jobs cancel 01980cf2-53a1-7000-8000-0123456789ab
      coserver jobs cancel --kill 01980cf2-53a1-7000-8000-0123456789ab
    """

    def work(connection: Connection) -> dict[str, State]:
        return {job_id: store.cancel(connection, job_id, by=who(), kill=kill) for job_id in job_ids}

    with find_access(context).open() as engine:
        states = store.write(engine, work)
    for job_id, state in states.items():
        done = "is cancelled" if state is State.CANCELLED else "was asked to stop"
        click.echo(f"Job {job_id} {done}.")
