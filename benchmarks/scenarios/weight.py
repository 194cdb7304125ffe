"""7. Memory, processor and statements of a consumer that waits, and of one that works."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.contestant import Contestant
from benchmarks.crew import Crew, crew
from benchmarks.outcome import Measured, Options, Outcome, is_first, take_turns
from benchmarks.wire import Count, relay

IDLE_CPU, STATEMENTS = "idle % core", "idle stmt/s"
SETTLE, QUICK_SETTLE = 10.0, 2.0  # seconds until the pauses between looks are as long as they get
SECONDS, QUICK_SECONDS = 10.0, 4.0
JOBS, QUICK_JOBS = 20_000, 5000
WITHIN, QUICK_WITHIN = 30, 5
ROUNDS, QUICK_ROUNDS = 2, 1


def run(options: Options) -> Outcome:
    """Return what a consumer weighs."""
    outcome = Outcome(
        title="What one worker process takes, with all that belong to it",
        unit="the columns' units",
        remarks=[
            "Memory is proportional: what processes share is divided between them.",
            "Statements are counted on their way to PostgreSQL, BEGIN and COMMIT aside.",
        ],
    )
    rows = [
        (contestant.name, partial(_measure, contestant, options.quick))
        for contestant in options.choose(_takes_part, quick=is_first)
    ]
    return take_turns(outcome, rows, options.rounds(ROUNDS, QUICK_ROUNDS))


def _takes_part(contestant: Contestant) -> bool:
    return not contestant.is_ceiling and not contestant.query


def _measure(contestant: Contestant, quick: bool) -> Measured:  # noqa: FBT001  it is bound to a row
    settle, seconds = (QUICK_SETTLE, QUICK_SECONDS) if quick else (SETTLE, SECONDS)
    jobs, within = (QUICK_JOBS, QUICK_WITHIN) if quick else (JOBS, WITHIN)
    with _crew(contestant) as (workers, count):
        time.sleep(settle)
        idle = _measure_idle(workers, count, seconds)
    with crew(contestant) as workers:
        return idle | _measure_busy(workers, contestant.scaled(jobs), within)


@contextmanager
def _crew(contestant: Contestant) -> Iterator[tuple[Crew, Count | None]]:
    """Yield a crew whose statements are counted, where that can be."""
    if contestant.server != "PostgreSQL":
        with crew(contestant) as workers:
            yield workers, None
    else:
        with (
            contestant.database() as url,
            relay(url) as (through, count),
            crew(contestant, url=through) as workers,
        ):
            yield workers, count


def _measure_idle(workers: Crew, count: Count | None, seconds: float) -> Measured:
    before, cpu = (count.statements if count else 0), workers.cpu_seconds()
    time.sleep(seconds)
    found = {
        "idle MB": workers.memory() / 1e6,
        IDLE_CPU: (workers.cpu_seconds() - cpu) / seconds * 100,
    }
    if count:
        found[STATEMENTS] = (count.statements - before) / seconds
    return found


def _measure_busy(workers: Crew, jobs: int, within: float) -> Measured:
    cpu = workers.cpu_seconds()
    rate = workers.drain(jobs, within=within)
    seconds = workers.cpu_seconds() - cpu
    done = workers.done()
    return {
        "busy MB": workers.memory() / 1e6,
        "busy jobs/s": rate,
        "busy CPU ms/job": seconds / done * 1000,
    }
