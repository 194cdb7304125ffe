"""How commands write: JSON for programs, tables and times for people."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import click

from coserver_consumer.model.job import Job
from coserver_consumer.model.moments import write_iso, write_local
from coserver_consumer.model.texts import make_line, make_lines

MAX_RIGID_WIDTH = 24  # characters of a column beside flexible ones
MAX_USER_CHARS = 150  # of the name of the user of a terminal
MAX_PADDED_WIDTH = 60  # characters: one long text mustn't make all lines long


def write_json(value: Any) -> None:
    """Write a value as JSON."""
    click.echo(json.dumps(value, indent=2))


def say(text: str, *, err: bool = False) -> None:
    """Write lines without control characters, which the values of a row may have."""
    click.echo(make_lines(text), err=err)


def is_terminal() -> bool:
    """Return True if a person reads the output, not a program."""
    return sys.stdout.isatty()


def write_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, flexible: Collection[str] = ()
) -> None:
    """Write a table; None is an empty cell.

    On a terminal that is too narrow the ``flexible`` columns are cut, or all columns if there are
    no flexible ones. Elsewhere nothing is cut.
    """
    if not is_terminal():
        write_lines(columns, rows)
        return
    from rich.console import Console  # only where a table is shown
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", expand=bool(flexible))
    for column in columns:
        is_rigid = flexible and column not in flexible
        table.add_column(
            column,
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if column in flexible else None,
            max_width=MAX_RIGID_WIDTH if is_rigid else None,
        )
    for row in rows:
        table.add_row(*[escape(cell) for cell in row])
    Console().print(table)


def write_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table as one line for each row, with nothing cut off."""
    cells = [list(columns), *[[plain(cell) for cell in row] for row in rows]]
    widths = [min(MAX_PADDED_WIDTH, max(map(len, column))) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(padded).rstrip())


def plain(cell: Any) -> str:
    """Return text without control characters."""
    text = "" if cell is None else str(cell)
    return "".join(at if at.isprintable() else " " for at in text)


def escape(cell: Any) -> str:
    """Return text that a terminal shows as it is: no markup, no control characters."""
    from rich.markup import escape as escape_markup

    return escape_markup(plain(cell))


def local_time(moment: int | None) -> str | None:
    """Return microseconds since the epoch as this machine's local time."""
    return None if moment is None else write_local(moment)


def short_time(moment: str | None) -> str | None:
    """Return the time of day of a local time that is today's, and the date of any other."""
    if moment is None:
        return None
    date, _, time = moment.partition(" ")
    return time if date == datetime.now().astimezone().strftime("%Y-%m-%d") else date


def iso_time(moment: int | None) -> str | None:
    """Return microseconds since the epoch as ISO 8601 in UTC."""
    return write_iso(moment) if moment else None


def job_as_json(job: Job) -> dict[str, Any]:
    """Return a job for programs: times in ISO 8601, the payload as its size, no signature."""
    return {
        "id": job.id,
        "state": str(job.state),
        "queue": job.queue,
        "task": job.task,
        "title": job.title,
        "args": job.args,
        "payload_bytes": len(job.payload or b""),
        "owner": job.owner,
        "site": job.site,
        "priority": job.priority,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "rescues": job.rescues,
        "unique": job.unique_key,
        "requires": list(job.requires),
        "timeout": job.timeout,
        "consumer": job.consumer,
        "progress": job.progress,
        "progress_text": job.progress_text,
        "created_at": iso_time(job.created_at),
        "run_at": iso_time(job.run_at),
        "expires_at": iso_time(job.expires_at),
        "started_at": iso_time(job.started_at),
        "cancel_at": iso_time(job.cancel_at),
        "ended_at": iso_time(job.ended_at),
        "result": job.result,
        "error": job.error,
    }


def who() -> str:
    """Return who does this, for the audit."""
    return f"{make_line(getpass.getuser(), MAX_USER_CHARS)} (command line)"
