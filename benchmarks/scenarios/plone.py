"""10. An ordinary page of a Plone site while 1,000 jobs of 200 ms run.

The site has a Zope instance with four threads; two anonymous visitors ask for its front page, one
page after another. The work computes for 100 ms and waits for 100 ms. It is done by requests to the
same instance, sent by eight clients one after another; or by jobs that a consumer with one process
and two threads runs: by calling the same instance, or one that isn't for visitors, or in itself.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from benchmarks.databases import postgresql
from benchmarks.figures import percentile
from benchmarks.outcome import Measured, Options, Outcome, take_turns
from benchmarks.visitors import Visitors, visit
from coserver_consumer import store
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.protocol.signing import sign
from coserver_consumer.store import enqueue, manage
from demo.stack import Stack

NO_JOBS = "no jobs"
IN_REQUESTS = "in the requests' own threads"
HTTP_SAME = "http, the same instance"
HTTP_OTHER = "http, another instance"
ZODB = "zodb"
ZODB_NICE = "zodb, nice 10"
PAGES, HALF, NEARLY_ALL = "pages a second", "p50 ms", "p99 ms"

ADDON = Path(__file__).parents[1] / "addon"
SECRET = "only for benchmarks: 0123456789abcdef"  # noqa: S105  only this machine reaches it
PAGE, WORK = "/Plone", "/Plone/@@bench-work"
CALL = {"path": WORK, "method": "GET", "params": {}, "headers": {}}
VISITORS, CLIENTS = 2, 8
JOBS, QUICK_JOBS = 1000, 60
SECONDS, QUICK_SECONDS = 60.0, 6.0  # without jobs
ROUNDS, QUICK_ROUNDS = 2, 1
LOOK = 0.1  # seconds between two looks at the jobs
WARM_UP = 40  # pages


class Site:
    """A Plone site with visitors, and a queue."""

    def __init__(self, stack: Stack, engine: Engine, *, quick: bool) -> None:
        self.stack = stack
        self.engine = engine
        self.jobs = QUICK_JOBS if quick else JOBS
        self.seconds = QUICK_SECONDS if quick else SECONDS

    def measure(self, work: Callable[[], None]) -> Measured:
        """Return what the visitors have seen while the work was done."""
        began = time.monotonic()
        with visit(self.stack.url + PAGE, VISITORS) as visitors:
            work()
            seconds = time.monotonic() - began
        if visitors.failures:
            raise RuntimeError(f"{visitors.failures} pages failed.")
        found = {
            PAGES: visitors.rate,
            HALF: percentile(visitors.seconds, 50) * 1000,
            NEARLY_ALL: percentile(visitors.seconds, 99) * 1000,
        }
        return found if work == self.rest else found | {"jobs a second": self.jobs / seconds}

    def rest(self) -> None:
        """Have nothing done."""
        time.sleep(self.seconds)

    def ask(self) -> None:
        """Have clients send requests for the work."""
        Visitors(self.stack.url + WORK, CLIENTS, pages=self.jobs).wait()

    def measure_jobs(self, name: str, *flags: str) -> Measured:
        """Return what the visitors have seen while a consumer with these flags did the work."""
        sizes = ("--processes", "1", "--threads", "2")
        consumer = self.stack.start_consumer(name, *sizes, *flags)
        try:
            self.run_jobs(2)
            return self.measure(lambda: self.run_jobs(self.jobs))
        finally:
            consumer.stop()

    def run_jobs(self, number: int) -> None:
        """Queue jobs and wait until they have been done."""
        before = self._completed()
        jobs = [sign(NewJob(task="view", args=CALL), SECRET) for _ in range(number)]
        store.write(self.engine, lambda connection: enqueue.add_many(connection, jobs))
        while self._completed() < before + number:
            time.sleep(LOOK)

    def _completed(self) -> int:
        counts = store.read(self.engine, manage.counts).get("default", {})
        if counts.get("failed"):
            raise RuntimeError("Jobs failed.")
        return counts.get("completed", 0)


def run(options: Options) -> Outcome:
    """Return how many pages a second are served, and how long they take."""
    outcome = Outcome(
        title=f"Plone's front page while {QUICK_JOBS if options.quick else JOBS:,} jobs run",
        unit="the columns' units",
        remarks=[
            "One instance with four threads, two anonymous visitors, one page after another.",
            "A job computes for 100 ms and waits for 100 ms; consumers run two at once.",
        ],
    )
    with _site(quick=options.quick) as site:
        other, conf = site.stack.instances[1].url, site.stack.instances[0].conf
        zodb = ("--zope-conf", str(conf))
        rows = [
            (NO_JOBS, partial(site.measure, site.rest)),
            (IN_REQUESTS, partial(site.measure, site.ask)),
            (HTTP_SAME, partial(site.measure_jobs, "same")),
            (HTTP_OTHER, partial(site.measure_jobs, "other", "--zope-url", other)),
            (ZODB, partial(site.measure_jobs, "zodb", *zodb)),
            (ZODB_NICE, partial(site.measure_jobs, "nice", *zodb, "--nice", "10")),
        ]
        return take_turns(outcome, rows, options.rounds(ROUNDS, QUICK_ROUNDS))


@contextmanager
def _site(*, quick: bool) -> Iterator[Site]:
    with ExitStack() as exits:
        directory = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        url = exits.enter_context(postgresql("plone"))
        engine = store.open_engine(url)
        exits.callback(engine.dispose)
        stack = exits.enter_context(_make_stack(directory, url))
        stack.start_zeo()
        stack.create_site("Plone", ["collective.coserver:default"])
        for number, instance in enumerate(stack.instances, 1):
            stack.start_zope(number, path="/Plone/@@ok")
            Visitors(instance.url + PAGE, VISITORS, pages=WARM_UP).wait()
        yield Site(stack, engine, quick=quick)


def _make_stack(directory: Path, url: str) -> Stack:
    path = [str(ADDON), *filter(None, [os.environ.get("PYTHONPATH")])]
    stack = Stack(
        directory,
        settings={"database": url, "secret": SECRET},
        instances=2,
        threads=4,
        environment={"PYTHONPATH": os.pathsep.join(path)},
    )
    for instance in stack.instances:
        shutil.copy(ADDON / "site.zcml", instance.directory / "etc")
    return stack
