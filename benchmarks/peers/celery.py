"""Celery on Redis: prefork, no results, early acknowledgement.

As many jobs are prefetched as its guide advises where there are many short ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from celery import Celery, Task

from benchmarks.peers.marks import perform
from benchmarks.peers.protocol import Args, main

PREFETCH = 128  # for each process; the guide's advice is 50 to 150 to begin with


def make_app(url: str) -> tuple[Celery, Task]:
    """Return the application and its one task."""
    app = Celery("bench", broker=url)
    app.conf.update(
        task_ignore_result=True,
        worker_prefetch_multiplier=PREFETCH,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
    )

    @app.task(name="noop")
    def noop(**args: object) -> None:
        perform(args)

    return app, noop


async def setup(url: str) -> None:
    """There is nothing to make."""


class Producer:
    def __init__(self, app: Celery, task: Task) -> None:
        self.app, self.task = app, task

    async def add(self, args: Args, priority: int = 0) -> None:
        self.task.apply_async(kwargs=args)

    async def add_many(self, args: Sequence[Args]) -> None:
        with self.app.producer_pool.acquire(block=True) as producer:
            for each in args:
                self.task.apply_async(kwargs=each, producer=producer)


@asynccontextmanager
async def produce(url: str) -> AsyncIterator[Producer]:
    yield Producer(*make_app(url))


def work(url: str, processes: int) -> None:
    app, _ = make_app(url)
    quiet = ["--loglevel=warning", "--without-gossip", "--without-mingle"]
    app.worker_main(["worker", f"--concurrency={processes}", *quiet])


if __name__ == "__main__":
    main(setup=setup, produce=produce, work=work)
