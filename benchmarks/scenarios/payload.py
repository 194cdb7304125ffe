"""6. The same with arguments of 1.5 kB."""

from __future__ import annotations

from functools import partial

from benchmarks.contestant import Contestant
from benchmarks.outcome import Measured, Options, Outcome, is_first, take_turns
from benchmarks.scenarios.drain import describe_processes, measure_drain

SIZE = 1500
JOBS, QUICK_JOBS = 2000, 300
ROUNDS, QUICK_ROUNDS = 2, 1


def run(options: Options) -> Outcome:
    """Return how many such jobs a second can be added and run."""
    outcome = Outcome(
        title="Arguments of 1.5 kB",
        unit="jobs a second",
        remarks=[describe_processes(quick=options.quick)],
    )
    rows = [
        (contestant.name, partial(_measure, contestant, options.quick))
        for contestant in options.choose(quick=is_first)
    ]
    return take_turns(outcome, rows, options.rounds(ROUNDS, QUICK_ROUNDS))


def _measure(contestant: Contestant, quick: bool) -> Measured:  # noqa: FBT001  it is bound to a row
    with contestant.database() as url:
        told = contestant.tell("enqueue", url, QUICK_JOBS if quick else JOBS, SIZE)
    return {
        "added one by one": told["jobs"] / told["seconds"],
        "drained by 1 process": measure_drain(contestant, 1, quick=quick, size=SIZE),
    }
