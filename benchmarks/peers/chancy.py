"""chancy with its asynchronous executor, 100 jobs at once, and eager polling.

It writes endings once a second. Notifications are on and jobs that have ended are kept: its
defaults.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from chancy import Chancy, Queue, Worker, job
from chancy.job import Job

from benchmarks.peers.marks import perform_async
from benchmarks.peers.protocol import Args, main

CONCURRENCY = 100
EXECUTOR = "chancy.executors.asyncex.AsyncExecutor"


@job(queue="default")
async def noop(*, args: Args) -> None:
    await perform_async(args)


async def setup(url: str) -> None:
    queue = Queue("default", concurrency=CONCURRENCY, executor=EXECUTOR, eager_polling=True)
    async with Chancy(url) as chancy:
        await chancy.migrate()
        await chancy.declare(queue)


def make_job(args: Args) -> Job:
    """Return a job; its function is this module's, which is the worker's ``__main__`` too."""
    made: Job = noop.job.with_kwargs(args=args)
    return made


class Producer:
    def __init__(self, chancy: Chancy) -> None:
        self.chancy = chancy

    async def add(self, args: Args, priority: int = 0) -> None:
        await self.chancy.push(make_job(args).with_priority(priority))

    async def add_many(self, args: Sequence[Args]) -> None:
        async for _ in self.chancy.push_many([make_job(each) for each in args]):
            pass


@asynccontextmanager
async def produce(url: str) -> AsyncIterator[Producer]:
    async with Chancy(url) as chancy:
        yield Producer(chancy)


async def run(url: str) -> None:
    """Run jobs."""
    async with Chancy(url) as chancy, Worker(chancy) as worker:
        await worker.wait_for_shutdown()


def work(url: str, processes: int) -> None:
    asyncio.run(run(url))


if __name__ == "__main__":
    main(setup=setup, produce=produce, work=work)
