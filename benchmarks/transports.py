"""How fast Zope's jobs run over each transport, and what a worker with Zope weighs.

A trivial view of a Plone site over ZEO, PostgreSQL, one worker process of two threads. ``http``
sends the jobs to a Zope instance with two threads, ``zodb`` runs them in the worker process. Both
in one run, in turns, twice: with all cores for everything, and with all of Zope and the consumers
on one core, the servers on another. The memory is that of the ``zodb`` worker process.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from benchmarks.databases import postgresql
from coserver_consumer import store
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.protocol.signing import sign
from coserver_consumer.store import enqueue, manage
from demo.stack import Stack

SECRET = "only for benchmarks: 0123456789abcdef"  # noqa: S105  only this machine reaches it
TRANSPORTS = ("http", "zodb")
VIEW = {"path": "/Plone/@@ok", "method": "GET", "params": {}, "headers": {}}
JOBS, QUICK_JOBS = 1000, 200
TURNS, QUICK_TURNS = 3, 1
HEAVY, QUICK_HEAVY = 10_000, 1000  # jobs until the memory is looked at again
PAUSE = 0.01  # seconds between two looks


class Bench:
    """One installation with a consumer for each transport, each with its own queue."""

    def __init__(self, stack: Stack, engine: Engine) -> None:
        self.stack = stack
        self.engine = engine
        self.done = dict.fromkeys(TRANSPORTS, 0)

    def drain(self, queue: str, number: int) -> float:
        """Have the consumer of that queue run so many jobs; return how many a second."""
        jobs = [
            sign(
                NewJob(task="view", args=VIEW, options=JobOptions(queue=queue, title="ok")), SECRET
            )
            for _ in range(number)
        ]
        before = self.completed(queue)
        store.write(self.engine, lambda connection: enqueue.add_many(connection, jobs))
        began = time.perf_counter()
        while self.completed(queue) < before + number:
            time.sleep(PAUSE)
        self.done[queue] += number
        return number / (time.perf_counter() - began)

    def completed(self, queue: str) -> int:
        """Return how many jobs of the queue have been completed."""
        counts = store.read(self.engine, manage.counts).get(queue, {})
        if counts.get("failed"):
            raise RuntimeError(f"Jobs failed; see {self.stack.log(queue)}.")
        return counts.get("completed", 0)

    def worker(self, name: str) -> psutil.Process:
        """Return the worker process of a consumer, the child of its supervisor that works."""
        supervisor = psutil.Process(self.stack.processes[name].pid)
        return max(supervisor.children(), key=lambda child: child.memory_info().rss)

    def weigh(self) -> dict[str, float]:
        """Return how many jobs the ``zodb`` worker has done, and the MB it takes."""
        rss = self.worker("zodb").memory_info().rss
        return {"jobs": self.done["zodb"], "rss_mb": rss / 1e6}

    def pin(self, cores: set[int]) -> None:
        """Have Zope and the consumers run on these cores only."""
        for name in ("zope1", *TRANSPORTS):
            parent = psutil.Process(self.stack.processes[name].pid)
            for process in (parent, *parent.children()):
                for thread in process.threads():
                    with suppress(ProcessLookupError):
                        os.sched_setaffinity(thread.id, cores)


def run(*, quick: bool = False) -> dict[str, Any]:
    """Measure, print the tables and return the figures."""
    jobs, turns = (QUICK_JOBS, QUICK_TURNS) if quick else (JOBS, TURNS)
    with _bench() as bench:
        for transport in TRANSPORTS:
            bench.drain(transport, jobs)
        early = bench.weigh()
        cores = os.sched_getaffinity(0)
        rates: dict[str, dict[str, list[float]]] = {}
        for setting, pinned in (("all cores", cores), ("one core", {max(cores)})):
            bench.pin(pinned)
            rates[setting] = {transport: [] for transport in TRANSPORTS}
            for _ in range(turns):
                for transport in TRANSPORTS:
                    rates[setting][transport].append(bench.drain(transport, jobs))
        bench.pin(cores)
        heavy = QUICK_HEAVY if quick else HEAVY
        bench.drain("zodb", heavy - bench.done["zodb"])
        memory = [early, bench.weigh()]
    figures = {
        "rates": {name: _summarize(found) for name, found in rates.items()},
        "memory": memory,
    }
    _print(figures)
    return figures


@contextmanager
def _bench() -> Iterator[Bench]:
    with ExitStack() as exits:
        directory = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        url = exits.enter_context(postgresql("transports"))
        engine = store.open_engine(url)
        exits.callback(engine.dispose)
        settings = {"database": url, "secret": SECRET}
        stack = exits.enter_context(Stack(directory, settings=settings, threads=2))
        stack.start_zeo()
        stack.create_site("Plone", ["collective.coserver:default"])
        stack.start_zope(path="/Plone/@@ok")
        for queue in TRANSPORTS:
            store.write(engine, lambda connection, name=queue: manage.add_queue(connection, name))
        _start_consumer(stack, "http")
        _start_consumer(stack, "zodb", "--zope-conf", str(stack.instances[0].conf))
        yield Bench(stack, engine)


def _start_consumer(stack: Stack, queue: str, *flags: str) -> None:
    stack.start_consumer(queue, "--queues", queue, "--processes", "1", "--threads", "2", *flags)


def _summarize(found: dict[str, list[float]]) -> dict[str, float]:
    figures = {transport: statistics.median(rates) for transport, rates in found.items()}
    return figures | {"ratio": figures["zodb"] / figures["http"]}


def _print(figures: dict[str, Any]) -> None:
    table = Table(title="Jobs a second, a trivial view of Plone, 1 process x 2 threads")
    for heading in ("Zope and consumers on", *TRANSPORTS, "zodb / http"):
        table.add_column(heading, justify="right")
    for setting, found in figures["rates"].items():
        rates = [f"{found[transport]:.0f}" for transport in TRANSPORTS]
        table.add_row(setting, *rates, f"{found['ratio']:.2f}")
    Console().print(table)
    for found in figures["memory"]:
        Console().print(
            f"The zodb worker takes {found['rss_mb']:.0f} MB after {found['jobs']:,} jobs."
        )
