"""9. How long do short jobs wait, where one of a hundred takes a second.

Two long jobs begin each second, so two of four threads are busy on the average. The short ones are
more urgent, for those contestants that know priorities.
"""

from __future__ import annotations

from functools import partial

from benchmarks.contestant import Contestant
from benchmarks.crew import crew
from benchmarks.figures import percentile
from benchmarks.outcome import Measured, Options, Outcome, is_first, take_turns
from benchmarks.peers import marks

PER_SECOND = 200
JOBS, QUICK_JOBS = 3000, 600
ROUNDS, QUICK_ROUNDS = 2, 1
WITHIN = 60  # seconds for the last job


def run(options: Options) -> Outcome:
    """Return how long a short job waits for its start."""
    outcome = Outcome(
        title="Wait of a short job among long ones",
        unit="milliseconds",
        remarks=[
            f"{PER_SECOND} jobs a second, one of a hundred takes a second; one worker process.",
            "Long ones have the lower priority, where there are any.",
            "celery, rq and huey on PostgreSQL run one job at a time in a process, coserver four.",
        ],
    )
    rows = [
        (contestant.name, partial(_measure, contestant, QUICK_JOBS if options.quick else JOBS))
        for contestant in options.choose(_takes_part, quick=is_first)
    ]
    return take_turns(outcome, rows, options.rounds(ROUNDS, QUICK_ROUNDS))


def _takes_part(contestant: Contestant) -> bool:
    return not contestant.is_ceiling


def _measure(contestant: Contestant, jobs: int) -> Measured:
    with crew(contestant) as workers:
        marks.forget(workers.directory)
        contestant.tell("mix", workers.url, jobs, PER_SECOND)
        workers.wait(jobs, within=WITHIN, must=True)
        waits = marks.read_waits(workers.directory)
    return {f"p{percent}": percentile(waits, percent) * 1000 for percent in (50, 99)}
