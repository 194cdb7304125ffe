"""How long after a kill -9 a job is back in its queue.

Of a worker process, one alone and one of two: its supervisor sees it end. And of a whole
consumer, supervisor and all, whose lease another consumer sees run out; with the settings that a
consumer has by default. PostgreSQL. The jobs wait for a server that never answers.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from benchmarks.databases import postgresql
from coserver_consumer import Client, store
from coserver_consumer.model.job import Job
from coserver_consumer.store import manage
from coserver_consumer.store.schema import tables
from demo import ready
from demo.processes import Process

COSERVER = Path(sys.executable).with_name("coserver")
KILLS, QUICK_KILLS = 4, 1  # consumers, of each of which three processes are killed
DEATHS = 3  # as many as a supervisor replaces without a pause
LEASES, QUICK_LEASES = 5, 1
LOOKS = 0.01  # seconds


class Bench:
    """A queue whose jobs hang, and consumers that are killed."""

    def __init__(self, url: str, silence: str, directory: Path) -> None:
        self.url = url
        self.silence = silence
        self.directory = directory
        self.client = Client(url)
        self.engine: Engine = store.open_engine(url)

    @contextmanager
    def consumer(self, name: str, *flags: str) -> Iterator[Process]:
        """Run a consumer, ready when this begins and killed when it ends."""
        process = Process(
            name,
            [COSERVER, "run", "--name", name, "--http-allow", self.silence, *flags],
            log=self.directory / f"{name}.log",
            ready=ready.log_says("is ready"),
            environment={**os.environ, "COSERVER_DATABASE": self.url},
        )
        process.start()
        yield process
        process.kill()

    def hang(self) -> Job:
        """Queue a job that hangs, and return it when it runs."""
        job_id = self.client.add("http", {"url": self.silence, "method": "GET"})
        return self.wait(job_id, lambda job: job.state == "running" and job.attempt == 1)

    def wait(self, job_id: str, look: Callable[[Job], bool]) -> Job:
        """Return the job as soon as it looks like that."""
        while not look(job := self.client.get(job_id)):
            if not job.state.is_live:
                raise RuntimeError(f"Job {job_id} is {job.state}: {job.error}")
            time.sleep(LOOKS)
        return job

    def holder(self, job: Job) -> int:
        """Return the pid of the process that runs the job."""
        consumers = store.read(self.engine, manage.consumers)
        return next(each.pid for each in consumers if each.id == job.consumer)

    def measure(self, job: Job, kill: Callable[[], None]) -> float:
        """Return the seconds from the kill until the job was given back, and forget the job."""
        began = time.perf_counter()
        kill()
        self.wait(job.id, lambda now: now.rescues == job.rescues + 1)
        seconds = time.perf_counter() - began
        with self.engine.begin() as connection:
            connection.execute(sa.delete(tables.job))
        return seconds


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print the table and return the figures."""
    kills, leases = (QUICK_KILLS, QUICK_LEASES) if quick else (KILLS, LEASES)
    with _bench() as bench:
        figures = {
            f"worker process, 1 of {processes}": _summarize(_kill_workers(bench, processes, kills))
            for processes in (1, 2)
        }
        figures["whole consumer"] = _summarize(_kill_consumers(bench, leases))
    _print(figures)
    return figures


def _kill_workers(bench: Bench, processes: int, kills: int) -> list[float]:
    """Kill the process that runs a job, again and again; the supervisor replaces it."""
    seconds = []
    for number in range(kills):
        name = f"workers-{processes}-{number}"
        with bench.consumer(name, "--processes", str(processes)) as consumer:
            for deaths in range(DEATHS):
                _wait_ready(consumer, processes + deaths)
                job = bench.hang()
                pid = bench.holder(job)
                seconds.append(bench.measure(job, lambda pid=pid: os.kill(pid, signal.SIGKILL)))
    return seconds


def _kill_consumers(bench: Bench, kills: int) -> list[float]:
    """Kill a consumer as a whole while another one, which serves other queues, looks on."""
    store.write(bench.engine, lambda connection: manage.add_queue(connection, "elsewhere"))
    seconds = []
    with bench.consumer("witness", "--queues", "elsewhere"):
        for number in range(kills):
            with bench.consumer(f"doomed-{number}") as doomed:
                job = bench.hang()
                time.sleep(number * 2)  # somewhere between two heartbeats
                seconds.append(bench.measure(job, lambda pid=doomed.pid: _kill_tree(pid)))
    return seconds


def _kill_tree(pid: int) -> None:
    supervisor = psutil.Process(pid)
    for process in (supervisor, *supervisor.children(recursive=True)):
        process.kill()


def _wait_ready(consumer: Process, times: int) -> None:
    while consumer.output().count("Consumer is ready") < times:
        time.sleep(LOOKS)


@contextmanager
def _bench() -> Iterator[Bench]:
    with ExitStack() as exits:
        directory = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        url = exits.enter_context(postgresql("recovery"))
        server = exits.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
        bench = Bench(url, f"http://127.0.0.1:{server.getsockname()[1]}/", directory)
        exits.callback(bench.engine.dispose)
        exits.enter_context(bench.client)
        yield bench


def _summarize(seconds: list[float]) -> dict[str, float]:
    return {
        "kills": len(seconds),
        "median": statistics.median(seconds),
        "slowest": max(seconds),
    }


def _print(figures: dict[str, dict[str, float]]) -> None:
    table = Table(title="Seconds from a kill -9 until the job is ready again")
    for heading in ("killed", "times", "median", "slowest"):
        table.add_column(heading, justify="right")
    for killed, found in figures.items():
        median, slowest = f"{found['median']:.2f}", f"{found['slowest']:.2f}"
        table.add_row(killed, str(found["kills"]), median, slowest)
    Console().print(table)
