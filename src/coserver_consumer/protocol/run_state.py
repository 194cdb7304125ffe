"""What a Zope knows of the runs of a job, as it tells consumers that ask. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from coserver_consumer.model.job import RunKey

SERVICE = "/@@coserver-runs"


class RunState(StrEnum):
    """What became of one run in one Zope process."""

    AT_WORK = "at work"
    EARLIER = "earlier"  # an earlier run of the job is at work
    COMPLETED = "completed"  # its transaction has written its end
    ENDED = "ended"
    UNKNOWN = "unknown"  # it never came


AT_WORK = (RunState.AT_WORK, RunState.EARLIER)  # the job's next run has to wait


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuestion:
    """What became of these runs? With ``stop`` they, and earlier ones of their jobs, are to stop.

    What was told to stop isn't let in any more if it comes later.
    """

    keys: tuple[RunKey, ...]
    stop: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The answer. ``process`` names one start of the process that gives it."""

    process: str
    states: tuple[RunState, ...]


def write_question(question: RunQuestion) -> bytes:
    """Return the message that asks."""
    return json.dumps({"runs": question.keys, "stop": question.stop}).encode()


def read_question(body: bytes) -> RunQuestion:
    """Return what a message asks."""
    said = json.loads(body)
    keys = tuple(RunKey(str(job_id), int(run)) for job_id, run in said["runs"])
    return RunQuestion(keys=keys, stop=bool(said["stop"]))


def tell_report(report: RunReport) -> dict[str, Any]:
    """Return the answer as JSON has it."""
    return {"process": report.process, "states": list(map(str, report.states))}


def read_report(said: Any) -> RunReport:
    """Return the answer that JSON has."""
    states: Sequence[str] = said["states"]
    return RunReport(process=str(said["process"]), states=tuple(map(RunState, states)))
