"""The control messages of a supervisor and its worker processes: lines of JSON over two pipes.

The supervisor sends an opening and then commands; a worker process sends reports. The end of a pipe
is the end of the process that held its other side.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from coserver_consumer.settings.loading import settings_as_json, settings_from_json
from coserver_consumer.settings.settings import Settings


class CommandKind(StrEnum):
    """What a worker process is to do."""

    DRAIN = "drain"  # claim nothing more, let jobs end within the grace, and end
    RETIRE = "retire"  # the same without a limit of time: a successor works already
    STOP = "stop"  # give back what runs, and end now
    ABANDON = "abandon"  # end now, because a job hangs
    DUMP = "dump"  # log what each thread does
    RELOAD = "reload"  # read the settings anew; only the supervisor can
    RESCUE = "rescue"  # take back the jobs of dead consumers


class ReportKind(StrEnum):
    """What a worker process reports."""

    REGISTERED = "registered"  # its leases are under the consumer id ``detail`` from now on
    READY = "ready"  # it looks for jobs
    ALIVE = "alive"  # its threads still run
    WORN = "worn"  # it wants a successor, because of ``detail``
    DONE = "done"  # it ends now, and the database knows all


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a worker process is started with.

    ``slot`` counts from 1; the process in the first one also runs the loops that one process runs
    for all. It takes back the jobs of ``dead_consumers`` before anything else.
    """

    settings: Settings
    slot: int = 1
    dead_consumers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """``reason`` is for the log; ``consumers`` are the ids of dead ones, for a RESCUE."""

    kind: CommandKind
    reason: str = ""
    consumers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``detail`` depends on ``kind``."""

    kind: ReportKind
    detail: str = ""


def dump_opening(opening: Opening) -> str:
    """Return the opening as a line; it holds the secrets of the settings, so it is for a pipe."""
    return _dump(
        {
            "settings": settings_as_json(opening.settings),
            "slot": opening.slot,
            "dead_consumers": opening.dead_consumers,
        }
    )


def load_opening(line: str) -> Opening:
    """Return the opening that a line holds."""
    read = json.loads(line)
    return Opening(
        settings=settings_from_json(read["settings"]),
        slot=read["slot"],
        dead_consumers=tuple(read["dead_consumers"]),
    )


def dump_command(command: Command) -> str:
    """Return the command as a line."""
    return _dump(asdict(command))


def load_command(line: str) -> Command:
    """Return the command that a line holds."""
    read = json.loads(line)
    return Command(
        kind=CommandKind(read["kind"]),
        reason=read["reason"],
        consumers=tuple(read["consumers"]),
    )


def dump_report(report: Report) -> str:
    """Return the report as a line."""
    return _dump(asdict(report))


def load_report(line: str) -> Report:
    """Return the report that a line holds."""
    read = json.loads(line)
    return Report(kind=ReportKind(read["kind"]), detail=read["detail"])


def _dump(message: dict[str, Any]) -> str:
    return json.dumps(message) + "\n"
