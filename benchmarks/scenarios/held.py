"""5. Draining while another connection holds a transaction open.

What was deleted or changed meanwhile stays in the tables, since the transaction might still look
at it: a claim that walks over that gets slower and slower. Twenty thousand jobs are drained again
and again until the minute is over.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import sqlalchemy as sa

from benchmarks.contestant import Contestant
from benchmarks.crew import Crew, crew, readable
from benchmarks.outcome import Measured, Options, Outcome, is_first, take_turns

FREE, HELD, LAST = "nobody holds one", "held", "held, its last third"
SECONDS, QUICK_SECONDS = 60.0, 4.0
JOBS, QUICK_JOBS = 20_000, 5000
WITHIN = 30
ROUNDS, QUICK_ROUNDS = 2, 1
BEGIN = {
    "PostgreSQL": ["BEGIN ISOLATION LEVEL REPEATABLE READ"],
    "SQLite": ["BEGIN"],
    "MariaDB": ["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "BEGIN"],
}


def run(options: Options) -> Outcome:
    """Return how many jobs a second are run with and without such a transaction."""
    seconds = QUICK_SECONDS if options.quick else SECONDS
    outcome = Outcome(
        title=f"Draining while a transaction is held open for {seconds:.0f} s",
        unit="jobs a second, one worker process",
        remarks=[
            "The other transaction has read, and waits. Its age grows from drain to drain.",
            "From the first start to the last start.",
        ],
    )
    rows = [
        (contestant.name, partial(_measure, contestant, options.quick))
        for contestant in options.choose(_takes_part, quick=is_first)
    ]
    return take_turns(outcome, rows, options.rounds(ROUNDS, QUICK_ROUNDS))


def _takes_part(contestant: Contestant) -> bool:
    return contestant.live is not None and not contestant.query


def _measure(contestant: Contestant, quick: bool) -> Measured:  # noqa: FBT001  it is bound to a row
    seconds, jobs = (QUICK_SECONDS, QUICK_JOBS) if quick else (SECONDS, JOBS)
    with crew(contestant) as workers:
        free = _drain_for(workers, seconds / 6, contestant.scaled(jobs))
        with _transaction(workers):
            held = _drain_for(workers, seconds, contestant.scaled(jobs))
    return {
        FREE: statistics.median(free),
        HELD: statistics.median(held),
        LAST: statistics.median(held[-max(1, len(held) // 3) :]),
    }


def _drain_for(workers: Crew, seconds: float, jobs: int) -> list[float]:
    """Return the rates of as many drains as it takes."""
    end = time.monotonic() + seconds
    rates = [workers.drain(jobs, within=WITHIN, to_last_start=True)]
    while time.monotonic() < end:
        rates.append(workers.drain(jobs, within=WITHIN, to_last_start=True))
    return rates


@contextmanager
def _transaction(workers: Crew) -> Iterator[None]:
    """Hold a transaction that has read the table of jobs."""
    engine = sa.create_engine(readable(workers.url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in BEGIN[workers.contestant.server]:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(str(workers.contestant.live)).scalar_one()
        yield
        connection.exec_driver_sql("ROLLBACK")
    engine.dispose()
