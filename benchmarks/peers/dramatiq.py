"""dramatiq on Redis, 8 threads a process: its defaults."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import dramatiq
from dramatiq import cli
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers.marks import perform
from benchmarks.peers.protocol import Args, main

URL = "BENCH_REDIS"  # the environment's variable: the worker imports this module by its name
dramatiq.set_broker(RedisBroker(url=os.environ.get(URL, "redis://127.0.0.1")))


@dramatiq.actor(actor_name="noop")
def noop(args: Args) -> None:
    perform(args)


async def setup(url: str) -> None:
    """There is nothing to make."""


class Producer:
    async def add(self, args: Args, priority: int = 0) -> None:
        noop.send(args)

    async def add_many(self, args: Sequence[Args]) -> None:
        for each in args:
            noop.send(each)


@asynccontextmanager
async def produce(url: str) -> AsyncIterator[Producer]:
    noop.broker = RedisBroker(url=url)
    noop.broker.declare_queue("default")
    yield Producer()


def work(url: str, processes: int) -> None:
    os.environ[URL] = url
    sys.argv = ["dramatiq", "benchmarks.peers.dramatiq", "--processes", str(processes)]
    sys.exit(cli.main())


if __name__ == "__main__":
    main(setup=setup, produce=produce, work=work)
