"""4. The first jobs of a drain, with a million more that are ready and a million in the history.

The contestants are those whose history can be made up by a statement.
"""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa

from benchmarks.contestant import Contestant
from benchmarks.crew import Crew, crew, readable
from benchmarks.outcome import Measured, Options, Outcome, is_first, take_turns
from demo.processes import wait_until

SIZES, QUICK_SIZES = (0, 10_000, 1_000_000), (0, 10_000)
JOBS, QUICK_JOBS = 20_000, 5000
SPARE = 5000  # jobs that are there as well, so that the measured ones aren't the last
PORTION = 100_000  # jobs that a producer adds at once
ROUNDS, QUICK_ROUNDS = 2, 1
WITHIN = 120  # seconds
FEW_PAGES = 100  # of 8,192 that fit into the memory that MariaDB has by default
CHANGED_PAGES = (
    "SELECT variable_value FROM information_schema.global_status"
    " WHERE variable_name = 'Innodb_buffer_pool_pages_dirty'"
)
WRITE = {"PostgreSQL": "CHECKPOINT", "SQLite": "PRAGMA wal_checkpoint(TRUNCATE)"}
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
        remarks=[
            f"The first {JOBS:,} jobs. Before they begin statistics are up to date (ANALYZE), and",
            "what was added is written to the disk.",
        ],
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
        _settle(workers)
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


def _settle(workers: Crew) -> None:
    """Have the database know its tables, and write to the disk what is new, as after a while."""
    if workers.contestant.server == "MariaDB":  # it counts rows by itself
        _wait_written(workers)
        return
    _execute(workers, "ANALYZE")
    _execute(workers, WRITE[workers.contestant.server])


def _wait_written(workers: Crew) -> None:
    """Let MariaDB write what is changed in memory; by itself it would do so during the drain."""
    usual = _ask(workers, "SELECT @@innodb_max_dirty_pages_pct")
    _execute(workers, "SET GLOBAL innodb_max_dirty_pages_pct = 0")
    try:
        wait_until(
            lambda: _ask(workers, CHANGED_PAGES) <= FEW_PAGES,
            within=WITHIN,
            what="MariaDB had written what changed",
        )
    finally:
        _execute(workers, f"SET GLOBAL innodb_max_dirty_pages_pct = {usual}")


def _ask(workers: Crew, query: str) -> float:
    engine = sa.create_engine(readable(workers.url))
    with engine.connect() as connection:
        found = float(connection.exec_driver_sql(query).scalar_one())
    engine.dispose()
    return found


def _execute(workers: Crew, statement: str) -> None:
    engine = sa.create_engine(readable(workers.url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
