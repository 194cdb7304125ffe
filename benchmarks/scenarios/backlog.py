"""4. The first jobs of a drain, with a million more that are ready and a million in the history.

The contestants are those whose history can be made up by a statement.
"""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa

from benchmarks.contestant import Contestant
from benchmarks.crew import Crew, crew, readable
from benchmarks.outcome import Measured, Options, Outcome, is_first, take_turns

SIZES, QUICK_SIZES = (0, 10_000, 1_000_000), (0, 10_000)
JOBS, QUICK_JOBS = 20_000, 5000
SPARE = 5000  # jobs that are there as well, so that the measured ones aren't the last
PORTION = 100_000  # jobs that a producer adds at once
ROUNDS, QUICK_ROUNDS = 1, 1
WITHIN = 120  # seconds
SERIES = {
    "PostgreSQL": "generate_series(1, {rows}) AS series(n)",
    "SQLite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) "
    "SELECT n FROM s) AS series",
    "MariaDB": "seq_1_to_{rows} AS series",
}


def name_of(size: int) -> str:
    """Return the name of a column."""
    return f"{size:,} ready and ended" if size else "none"


def run(options: Options) -> Outcome:
    """Return how many jobs a second are run with so many others about."""
    outcome = Outcome(
        title="Draining beside a backlog and a history",
        unit="jobs a second, one worker process",
        remarks=[f"The first {JOBS:,} jobs; statistics up to date (ANALYZE) before they begin."],
    )
    rows = [
        (contestant.name, partial(_measure, contestant, options.quick))
        for contestant in options.choose(_takes_part, quick=is_first)
    ]
    return take_turns(outcome, rows, options.rounds(ROUNDS, QUICK_ROUNDS))


def _takes_part(contestant: Contestant) -> bool:
    is_ceiling_elsewhere = contestant.is_ceiling and contestant.server != "PostgreSQL"
    return contestant.past is not None and not is_ceiling_elsewhere


def _measure(contestant: Contestant, quick: bool) -> Measured:  # noqa: FBT001  it is bound to a row
    jobs = contestant.scaled(QUICK_JOBS if quick else JOBS)
    return {
        name_of(size): _measure_beside(contestant, size, jobs)
        for size in (QUICK_SIZES if quick else SIZES)
    }


def _measure_beside(contestant: Contestant, size: int, jobs: int) -> float:
    with crew(contestant) as workers:
        workers.freeze()
        _make_past(workers, size)
        _add_backlog(workers, size + jobs + SPARE)
        _tell_sizes(workers)
        workers.thaw()
        found = workers.wait(jobs, within=WITHIN, must=True)
        return found.jobs / (found.last - found.first)


def _add_backlog(workers: Crew, jobs: int) -> None:
    while jobs > 0:
        workers.fill(min(jobs, PORTION))
        jobs -= PORTION


def _make_past(workers: Crew, size: int) -> None:
    """Put rows into the history."""
    if size:
        series = SERIES[workers.contestant.server].format(rows=size)
        _execute(workers, f"{workers.contestant.past} FROM {series}")


def _tell_sizes(workers: Crew) -> None:
    """Have the database know its tables as it does after a while; MariaDB sees to it itself."""
    if workers.contestant.server != "MariaDB":
        _execute(workers, "ANALYZE")


def _execute(workers: Crew, statement: str) -> None:
    engine = sa.create_engine(readable(workers.url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
