"""8. Many worker processes on two cores, up to where they might stand in each other's way."""

from __future__ import annotations

from functools import partial

from benchmarks.contestant import Contestant
from benchmarks.outcome import Measured, Options, Outcome, is_first, take_turns
from benchmarks.scenarios.drain import describe_processes, measure_drain

PROCESSES, QUICK_PROCESSES = (1, 2, 4, 8, 16), (1, 4, 16)
ROUNDS, QUICK_ROUNDS = 2, 1


def name_of(processes: int) -> str:
    """Return the name of a column."""
    return f"{processes} process{'es' if processes > 1 else ''}"


def run(options: Options) -> Outcome:
    """Return how many jobs a second so many processes run."""
    outcome = Outcome(
        title="Many worker processes",
        unit="jobs a second",
        remarks=[describe_processes(quick=options.quick)],
    )
    rows = [
        (contestant.name, partial(_measure, contestant, options.quick))
        for contestant in options.choose(_takes_part, quick=is_first)
    ]
    return take_turns(outcome, rows, options.rounds(ROUNDS, QUICK_ROUNDS))


def _takes_part(contestant: Contestant) -> bool:
    is_peer = contestant.name == "pgqueuer, asyncpg"
    return (contestant.is_ours or contestant.is_ceiling or is_peer) and not contestant.query


def _measure(contestant: Contestant, quick: bool) -> Measured:  # noqa: FBT001  it is bound to a row
    return {
        name_of(processes): measure_drain(contestant, processes, quick=quick)
        for processes in (QUICK_PROCESSES if quick else PROCESSES)
    }
