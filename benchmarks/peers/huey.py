"""huey on SQLite, Redis or PostgreSQL, each with the number of threads that is its fastest.

Where it polls, it looks every 0.1 s, however long nothing came. Its SQLite is as durable as its
defaults make it: a write-ahead log, synchronous FULL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from huey import Huey, PostgresHuey, RedisHuey, SqliteHuey

from benchmarks.peers.marks import perform
from benchmarks.peers.protocol import Args, main

THREADS, THREADS_ON_POSTGRESQL = 4, 1  # on PostgreSQL threads wait for one another
DELAY = 0.1


def make_huey(url: str) -> tuple[Huey, Any]:
    """Return the queue and its one task."""
    huey = open_huey(url)

    @huey.task(name="noop")
    def noop(args: Args) -> None:
        perform(args)

    return huey, noop


def open_huey(url: str) -> Huey:
    """Return the queue that the URL names."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        return SqliteHuey("bench", filename=rest.removeprefix("///"))
    if scheme == "redis":
        return RedisHuey("bench", url=url)
    return PostgresHuey("bench", dsn=url)


async def setup(url: str) -> None:
    make_huey(url)


class Producer:
    def __init__(self, huey: Huey, task: Any) -> None:
        self.task = task
        self.knows_priorities = not isinstance(huey, RedisHuey)

    async def add(self, args: Args, priority: int = 0) -> None:
        self.task(args, **({"priority": priority} if self.knows_priorities else {}))

    async def add_many(self, args: Sequence[Args]) -> None:
        for each in args:
            self.task(each)


@asynccontextmanager
async def produce(url: str) -> AsyncIterator[Producer]:
    yield Producer(*make_huey(url))


def work(url: str, processes: int) -> None:
    huey, _ = make_huey(url)
    threads = THREADS_ON_POSTGRESQL if isinstance(huey, PostgresHuey) else THREADS
    huey.create_consumer(workers=threads, initial_delay=DELAY, max_delay=DELAY).run()


if __name__ == "__main__":
    main(setup=setup, produce=produce, work=work)
