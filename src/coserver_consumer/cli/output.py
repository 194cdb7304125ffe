"""What commands write: JSON for programs, tables and times for people."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from coserver_consumer.job import Job

PIPE_WIDTH = 200  # columns of a table that nobody looks at directly
SECOND = 1_000_000  # microseconds


def write_json(value: Any) -> None:
    """Write a value as JSON."""
    click.echo(json.dumps(value, indent=2))


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table; None is an empty cell."""
    from rich.console import Console  # only where a table is shown
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*["" if cell is None else escape(cell) for cell in row])
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def escape(cell: Any) -> str:
    """Return text that a terminal shows as it is: no markup, no control characters."""
    from rich.markup import escape as escape_markup

    text = "".join(at if at.isprintable() else " " for at in str(cell))
    return escape_markup(text)


def local_time(moment: int | None) -> str | None:
    """Return microseconds since the epoch as this machine's local time."""
    if moment is None:
        return None
    known = _to_datetime(moment)
    return known.astimezone().strftime("%Y-%m-%d %H:%M:%S") if known else str(moment)


def iso_time(moment: int | None) -> str | None:
    """Return microseconds since the epoch as ISO 8601 in UTC."""
    if not moment:
        return None
    known = _to_datetime(moment)
    return known.isoformat() if known else str(moment)


def _to_datetime(moment: int) -> datetime | None:
    """Return the moment, None if it is beyond the years that Python knows."""
    try:
        return datetime.fromtimestamp(moment / SECOND, UTC)
    except (ValueError, OverflowError, OSError):
        return None


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
        "started_at": iso_time(job.started_at),
        "cancel_at": iso_time(job.cancel_at),
        "ended_at": iso_time(job.ended_at),
        "result": job.result,
        "error": job.error,
    }


def who() -> str:
    """Name the person for the audit."""
    return f"{getpass.getuser()} (command line)"
