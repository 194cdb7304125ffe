"""What a supervisor and its worker processes say to each other: lines of JSON over two pipes.

Down go an opening and then commands, up go reports. The end of a pipe is the end of whoever held
its other side.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from coserver_consumer.settings.loading import revive_settings, tell_settings
from coserver_consumer.settings.settings import Settings


class Do(StrEnum):
    """What a worker process is to do."""

    DRAIN = "drain"  # claim nothing more, let jobs end within the grace, and end
    RETIRE = "retire"  # the same without a limit of time: a successor works already
    STOP = "stop"  # give back what runs, and end now
    ABANDON = "abandon"  # end now, because a job hangs
    DUMP = "dump"  # log what each thread does
    RELOAD = "reload"  # read the settings anew; the supervisor does that
    RESCUE = "rescue"  # take the jobs of dead consumers back


class Is(StrEnum):
    """What a worker process has to report."""

    REGISTERED = "registered"  # it has its leases under the consumer id ``what``
    READY = "ready"  # it looks for jobs
    ALIVE = "alive"  # its threads still get their turn
    WORN = "worn"  # it wants a successor, because of ``what``
    DONE = "done"  # it ends now, and the database knows all


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a worker process is started with.

    ``number`` counts from 1; the first also runs the loops that one process can run for all.
    ``dead`` are consumers whose jobs it takes back before anything else.
    """

    settings: Settings
    number: int = 1
    dead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """``why`` is for the log; ``consumers`` are ids, for ``Do.RESCUE``."""

    do: Do
    why: str = ""
    consumers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What ``what`` is, ``Is`` says."""

    says: Is
    what: str = ""


def write_opening(opening: Opening) -> str:
    """Return the opening as a line; it holds the secrets of the settings, so it is for a pipe."""
    return _line(
        {
            "settings": tell_settings(opening.settings),
            "number": opening.number,
            "dead": opening.dead,
        }
    )


def read_opening(line: str) -> Opening:
    """Return the opening that a line holds."""
    said = json.loads(line)
    return Opening(
        settings=revive_settings(said["settings"]),
        number=said["number"],
        dead=tuple(said["dead"]),
    )


def write_command(command: Command) -> str:
    """Return the command as a line."""
    return _line(asdict(command))


def read_command(line: str) -> Command:
    """Return the command that a line holds."""
    said = json.loads(line)
    return Command(do=Do(said["do"]), why=said["why"], consumers=tuple(said["consumers"]))


def write_report(report: Report) -> str:
    """Return the report as a line."""
    return _line(asdict(report))


def read_report(line: str) -> Report:
    """Return the report that a line holds."""
    said = json.loads(line)
    return Report(says=Is(said["says"]), what=said["what"])


def _line(said: dict[str, Any]) -> str:
    return json.dumps(said) + "\n"
