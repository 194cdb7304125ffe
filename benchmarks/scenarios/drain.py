"""2. Draining a queue of jobs that do nothing, by one worker process and by two.

The second drain of the processes counts. In the first one each still builds its statements, and
finds out how short the jobs are; with many processes that would be a good part of half a second.
"""

from __future__ import annotations

from functools import partial

from benchmarks.contestant import Contestant
from benchmarks.crew import crew
from benchmarks.outcome import Measured, Options, Outcome, take_turns

ONE, TWO = "1 process", "2 processes"
JOBS, QUICK_JOBS = 20_000, 5000
ROUNDS, QUICK_ROUNDS = 3, 1
WITHIN, QUICK_WITHIN = 20, 3  # seconds


def run(options: Options) -> Outcome:
    """Return how many jobs a second are run."""
    outcome = Outcome(
        title=f"Draining {QUICK_JOBS if options.quick else JOBS:,} jobs",
        unit="jobs a second",
        remarks=[
            "From the first start to the last ending; all processes up, all jobs there.",
            describe_processes(quick=options.quick),
        ],
    )
    rows = [
        (contestant.name, partial(_measure, contestant, options.quick))
        for contestant in options.choose()
    ]
    return take_turns(outcome, rows, options.rounds(ROUNDS, QUICK_ROUNDS))


def _measure(contestant: Contestant, quick: bool) -> Measured:  # noqa: FBT001  it is bound to a row
    return {
        column: measure_drain(contestant, processes, quick=quick)
        for column, processes in ((ONE, 1), (TWO, 2))
        if contestant.is_ours or not (quick and processes > 1)
    }


def describe_processes(*, quick: bool) -> str:
    """Return what is to be said of those that ``measure_drain`` measures."""
    return "The processes have drained " + ("nothing before." if quick else "as many jobs before.")


def measure_drain(contestant: Contestant, processes: int, *, quick: bool, size: int = 0) -> float:
    """Return how many jobs a second so many processes of a contestant run, once they are warm."""
    jobs, within = (QUICK_JOBS, QUICK_WITHIN) if quick else (JOBS, WITHIN)
    with crew(contestant, processes) as workers:
        if not quick:
            workers.drain(contestant.scaled(jobs), size=size, within=within)
            workers.wait_idle()
        return workers.drain(contestant.scaled(jobs), size=size, within=within)
