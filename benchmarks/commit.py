"""What it costs a request to queue a job: one ZODB write and one job over ZEO.

Side by side in one run, in turns: no job; a row through a zope.sqlalchemy session, the usual way
to have SQL in a Zope transaction, which isn't atomic with the ZODB; and a job through our data
managers, which is. And the same without a ZODB write. PostgreSQL, default durability.

Round trips are counted by libpq's own trace: one ``ReadyForQuery`` each.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import transaction
import ZEO
import zope.sqlalchemy
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session, sessionmaker
from ZEO.ClientStorage import ClientStorage
from ZODB import DB
from ZODB.Connection import Connection

from benchmarks.databases import postgresql
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.store.schema import tables

ROUNDS, QUICK_ROUNDS = 1000, 150
WARM_UP = 30


@dataclass
class Series:
    """The measured commits of one way: seconds each, and seconds the ZODB's lock was held."""

    seconds: list[float] = field(default_factory=list)
    locked: list[float] = field(default_factory=list)
    round_trips: int = 0


class Bench:
    """One ZEO client, one engine each for the peer and for us, and the ways to commit."""

    def __init__(self, db: DB, url: str) -> None:
        self.connection = db.open()
        self.root = self.connection.root()
        self.engine = sa.create_engine(url)
        self.sessions = sessionmaker(self.engine)
        self.lock = LockWatch()

    def write(self) -> None:
        """Change the ZODB in the current transaction."""
        self.root["count"] = self.root.get("count", 0) + 1

    def add_row(self) -> None:
        """Insert a job's row as zope.sqlalchemy has it: seen by nobody before its commit."""
        session: Session = self.sessions()
        zope.sqlalchemy.register(session)
        session.execute(sa.insert(tables.job).values(task="t", args={}))
        zope.sqlalchemy.mark_changed(session)

    def add_job(self) -> None:
        """Queue a job with the current transaction."""
        from collective.coserver.datamanager import join

        join(NewJob(task="t"))

    def ways(self) -> dict[str, Callable[[], None]]:
        """Return what is compared, each a transaction's work before its commit."""
        return {
            "no job": self.write,
            "zope.sqlalchemy": lambda: (self.write(), self.add_row())[0],
            "coserver": lambda: (self.write(), self.add_job())[0],
            "zope.sqlalchemy, no ZODB write": self.add_row,
            "coserver, no ZODB write": self.add_job,
        }

    def measure(self, work: Callable[[], None], series: Series) -> None:
        """Do the work once and commit it."""
        transaction.begin()
        began = time.perf_counter()
        work()
        transaction.commit()
        series.seconds.append(time.perf_counter() - began)
        series.locked.append(self.lock.take())


class LockWatch:
    """How long a client holds the storage's commit lock: from its vote to the end of its finish."""

    def __init__(self) -> None:
        self._held_since: float | None = None
        self._seconds = 0.0
        vote, finish = Connection.tpc_vote, Connection.tpc_finish

        def tpc_vote(connection: Connection, current: Any) -> None:
            self._held_since = time.perf_counter()
            vote(connection, current)

        def tpc_finish(connection: Connection, current: Any) -> None:
            finish(connection, current)
            self._seconds = time.perf_counter() - (self._held_since or 0)

        Connection.tpc_vote, Connection.tpc_finish = tpc_vote, tpc_finish

    def take(self) -> float:
        """Return the seconds of the last commit, 0 if none took the lock."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print the table and return the figures."""
    with _bench() as bench:
        ways = bench.ways()
        found = {name: Series() for name in ways}
        for work in ways.values():
            for _ in range(WARM_UP):
                bench.measure(work, Series())
        for _ in range(QUICK_ROUNDS if quick else ROUNDS):
            for name, work in ways.items():
                bench.measure(work, found[name])
        for name, work in ways.items():
            found[name].round_trips = _count_round_trips(bench, work)
    figures = {name: _summarize(series) for name, series in found.items()}
    _print(figures)
    return figures


@contextmanager
def _bench() -> Iterator[Bench]:
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        url = stack.enter_context(postgresql("commit"))
        os.environ |= {"COSERVER_DATABASE": url, "COSERVER_SECRET": "s" * 32}
        address, stop = ZEO.server(str(Path(directory) / "Data.fs"))
        stack.callback(stop)
        db = DB(ClientStorage(address), database_name="main")
        stack.callback(db.close)
        stack.callback(transaction.abort)
        bench = Bench(db, url)
        stack.callback(bench.engine.dispose)
        yield bench


def _count_round_trips(bench: Bench, work: Callable[[], None]) -> int:
    """Return how often the server had to be waited for in one commit."""
    from collective.coserver.database.engine import get_engine

    with tempfile.TemporaryFile() as trace:
        traced: list[Any] = []

        def start(connection: Any, _record: Any, _proxy: Any) -> None:
            connection.pgconn.trace(trace.fileno())
            traced.append(connection)

        engines = (bench.engine, get_engine())
        for engine in engines:
            sa.event.listen(engine, "checkout", start)
        bench.measure(work, Series())
        for engine in engines:
            sa.event.remove(engine, "checkout", start)
        for connection in traced:
            connection.pgconn.untrace()
        trace.seek(0)
        return sum(b"ReadyForQuery" in line for line in trace)


def _summarize(series: Series) -> dict[str, float]:
    tenths = statistics.quantiles(series.seconds, n=10)
    return {
        "median_ms": statistics.median(series.seconds) * 1000,
        "p10_ms": tenths[0] * 1000,
        "p90_ms": tenths[-1] * 1000,
        "lock_held_ms": statistics.median(series.locked) * 1000,
        "round_trips": series.round_trips,
    }


def _print(figures: dict[str, dict[str, float]]) -> None:
    table = Table(title="A commit over ZEO, PostgreSQL; milliseconds")
    for heading in ("way", "median", "10 % - 90 %", "ZODB lock held", "SQL round trips", "ratio"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for name, found in figures.items():
        peer = figures[name.replace("coserver", "zope.sqlalchemy")]["median_ms"]
        table.add_row(
            name,
            f"{found['median_ms']:.2f}",
            f"{found['p10_ms']:.2f} - {found['p90_ms']:.2f}",
            f"{found['lock_held_ms']:.2f}",
            f"{found['round_trips']:.0f}",
            f"{found['median_ms'] / peer:.2f}" if name.startswith("coserver") else "",
        )
    Console().print(table)


if __name__ == "__main__":
    run()
