"""3. From just before a job is added to its start, on a consumer with nothing else to do."""

from __future__ import annotations

from functools import partial

from benchmarks.contestant import Contestant
from benchmarks.crew import crew
from benchmarks.figures import percentile
from benchmarks.outcome import Measured, Options, Outcome, take_turns
from benchmarks.peers import marks

HALF, NEARLY_ALL = "p50", "p99"
PER_SECOND = 20
JOBS, QUICK_JOBS = 300, 40
ROUNDS, QUICK_ROUNDS = 2, 1
WITHIN = 30  # seconds for the last job


def run(options: Options) -> Outcome:
    """Return how long a job waits for its start."""
    outcome = Outcome(
        title=f"From just before the add to the start, {PER_SECOND} jobs a second",
        unit="milliseconds",
        remarks=["One worker process. The producer adds each job in a transaction of its own."],
    )
    rows = [
        (contestant.name, partial(_measure, contestant, QUICK_JOBS if options.quick else JOBS))
        for contestant in options.choose(_takes_part, quick=_is_quick)
    ]
    return take_turns(outcome, rows, options.rounds(ROUNDS, QUICK_ROUNDS))


def _takes_part(contestant: Contestant) -> bool:
    return not contestant.is_ceiling


def _is_quick(contestant: Contestant) -> bool:
    return contestant.is_quick and contestant.server != "Redis"


def _measure(contestant: Contestant, jobs: int) -> Measured:
    with crew(contestant) as workers:
        marks.forget(workers.directory)
        contestant.tell("pace", workers.url, jobs, PER_SECOND)
        workers.wait(jobs, within=WITHIN, must=True)
        waits = marks.read_waits(workers.directory)
    return {
        column: percentile(waits, percent) * 1000
        for column, percent in ((HALF, 50), (NEARLY_ALL, 99))
    }
