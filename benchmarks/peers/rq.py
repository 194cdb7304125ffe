"""rq on Redis with its ``SimpleWorker``, which runs jobs in the worker itself.

Its plain worker forks a process for each job. Results are kept for its default time.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from redis import Redis
from rq import Queue, SimpleWorker

from benchmarks.peers.marks import perform
from benchmarks.peers.protocol import Args, main

NOOP = "benchmarks.peers.rq.noop"


def noop(args: Args) -> None:
    perform(args)


async def setup(url: str) -> None:
    """There is nothing to make."""


class Producer:
    def __init__(self, queue: Queue) -> None:
        self.queue = queue

    async def add(self, args: Args, priority: int = 0) -> None:
        self.queue.enqueue(NOOP, args)

    async def add_many(self, args: Sequence[Args]) -> None:
        self.queue.enqueue_many([Queue.prepare_data(NOOP, args=(each,)) for each in args])


@asynccontextmanager
async def produce(url: str) -> AsyncIterator[Producer]:
    yield Producer(Queue(connection=Redis.from_url(url)))


def work(url: str, processes: int) -> None:
    logging.getLogger("rq").setLevel(logging.WARNING)
    SimpleWorker(["default"], connection=Redis.from_url(url)).work(logging_level="WARNING")


if __name__ == "__main__":
    main(setup=setup, produce=produce, work=work)
