"""The worker processes of a contestant: started, stopped for a while, let go, weighed.

Jobs are added while the processes are stopped by SIGSTOP, so that a drain begins with all jobs
there and all processes up: neither adding nor starting is in a rate.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from benchmarks.contestant import Broken, Contestant, environment
from benchmarks.peers import marks

LOOK = 0.02  # seconds between two looks at the marks
LAST_LOOK = 0.005  # and at the jobs that haven't ended, once all have started
WARM_JOBS = 50
WITHIN = 60  # seconds for the first jobs, and for the end of the last
QUIET = 0.3  # seconds over which a crew must be idle to count as ready
IDLE = 0.25  # of a core, at most, for a crew that waits
FAREWELL = 15  # seconds for a clean end


class Crew:
    """A contestant's workers on one database."""

    def __init__(self, contestant: Contestant, url: str, processes: int, directory: Path) -> None:
        self.contestant = contestant
        self.url = url
        self.processes = processes
        self.directory = directory
        self._started: list[subprocess.Popen[bytes]] = []
        self._look = sa.create_engine(readable(url)) if contestant.live else None

    def start(self) -> None:
        """Start the processes; return once they have run some jobs and are idle."""
        manages = self.contestant.manages
        for _ in range(1 if manages else self.processes):
            self._launch(self.processes if manages else 1)
        self.fill(WARM_JOBS)
        self.wait(WARM_JOBS, within=WITHIN, must=True)
        self.wait_idle()

    def _launch(self, processes: int) -> None:
        with (self.directory / "log").open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    self.contestant.command("work", self.url, processes),
                    env=environment(**{marks.PLACE: str(self.directory)}),
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def fill(self, jobs: int, size: int = 0) -> dict[str, Any]:
        """Add jobs in the contestant's fastest way; return what its producer said."""
        return self.contestant.tell("bulk", self.url, jobs, size)

    def drain(
        self, jobs: int, *, size: int = 0, within: float = 60, to_last_start: bool = False
    ) -> float:
        """Return how many jobs a second are run, from the first start to the last ending.

        What hasn't started ``within`` seconds isn't waited for. ``to_last_start``: the endings of
        the last jobs don't count, as looking for them is slow in tables that can't be cleaned.
        """
        self.freeze()
        self.fill(jobs, size)
        self.thaw()
        found = self.wait(jobs, within=within)
        ended = self.wait_ended() if found.jobs >= jobs else found.last
        return found.jobs / ((found.last if to_last_start else ended) - found.first)

    def freeze(self) -> None:
        """Stop all processes where they are, but not where they hold SQLite's only lock."""
        while True:
            self.signal(signal.SIGSTOP)
            if self._can_write():
                return
            self.signal(signal.SIGCONT)
            time.sleep(LOOK)

    def _can_write(self) -> bool:
        if self.contestant.server != "SQLite":
            return True
        path = str(sa.make_url(self.url).database)
        with closing(sqlite3.connect(path, isolation_level=None, timeout=LOOK)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            connection.execute("ROLLBACK")
            return True

    def thaw(self) -> None:
        """Let the processes go on; what has been done before isn't counted any more."""
        marks.forget(self.directory)
        self.signal(signal.SIGCONT)

    def wait(self, jobs: int, *, within: float, must: bool = False) -> marks.Marks:
        """Wait until so many jobs have started, and return the marks."""
        end = time.monotonic() + within
        while (found := marks.read(self.directory)).jobs < jobs:
            if time.monotonic() > end:
                if must:
                    raise self.failure(f"ran {found.jobs} of {jobs} jobs in {within} s")
                break
            self._check()
            time.sleep(LOOK)
        return found

    def done(self) -> int:
        """Return how many jobs have started since the last drain began."""
        return marks.read(self.directory).jobs

    def wait_ended(self) -> float:
        """Wait until no job is left; return when that was, or the last start if none can tell."""
        if self._look is None:
            return marks.read(self.directory).last
        end = time.monotonic() + WITHIN
        with self._look.connect() as connection:
            while connection.exec_driver_sql(str(self.contestant.live)).scalar_one():
                connection.rollback()
                if time.monotonic() > end:
                    raise self.failure("left jobs that never ended")
                time.sleep(LAST_LOOK)
            return time.monotonic()

    def wait_idle(self) -> None:
        """Wait until the processes do nothing but wait themselves."""
        end = time.monotonic() + WITHIN
        while time.monotonic() < end:
            before = self.cpu_seconds()
            time.sleep(QUIET)
            if self.cpu_seconds() - before < IDLE * QUIET:
                return

    def cpu_seconds(self) -> float:
        """Return the processor time that the living processes have used."""
        seconds = 0.0
        for process in self.family():
            with suppress(psutil.Error):
                times = process.cpu_times()
                seconds += times.user + times.system
        return seconds

    def memory(self) -> int:
        """Return the bytes of memory that are the processes' own, shared ones divided."""
        total = 0
        for process in self.family():
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
        return total

    def family(self) -> list[psutil.Process]:
        """Return the processes that were started, and those that they started."""
        found = []
        for started in self._started:
            with suppress(psutil.Error):
                parent = psutil.Process(started.pid)
                found += [parent, *parent.children(recursive=True)]
        return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all processes."""
        for process in self.family():
            with suppress(psutil.Error):
                process.send_signal(number)

    def stop(self) -> None:
        """End all processes."""
        family = self.family()
        self.signal(signal.SIGCONT)
        for started in self._started:
            started.terminate()
        _, alive = psutil.wait_procs(family, timeout=FAREWELL)
        for process in alive:
            with suppress(psutil.Error):
                process.kill()
        for started in self._started:
            started.wait()
        if self._look is not None:
            self._look.dispose()

    def failure(self, what: str) -> Broken:
        """Return an error with the end of the log."""
        lines = (self.directory / "log").read_text(errors="replace").strip().splitlines()
        return Broken(f"{what}; the log ends: {' '.join(lines[-1:])}")

    def _check(self) -> None:
        for started in self._started:
            if started.poll() is not None:
                raise self.failure(f"a worker ended with {started.returncode}")


def readable(url: str) -> str:
    """Return the URL with our drivers, and without what is for the contestant alone."""
    address = sa.make_url(url.partition("?")[0])
    drivers = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
    name = drivers.get(address.drivername, address.drivername)
    return address.set(drivername=name).render_as_string(hide_password=False)


@contextmanager
def crew(
    contestant: Contestant,
    processes: int = 1,
    url: str | None = None,
) -> Iterator[Crew]:
    """Yield a crew, up and idle, on this database or an empty one; all is gone afterwards."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory,
        nullcontext(url) if url else contestant.database() as address,
    ):
        made = Crew(contestant, address, processes, Path(directory))
        try:
            made.start()
            yield made
        finally:
            made.stop()
