"""pgqueuer with asyncpg or, with ``?driver=psycopg`` in the URL, with psycopg; batches of 100.

uvloop runs the worker, as its command line does. ``pgqueuer_log`` keeps what ended.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import psycopg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, Driver, PsycopgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.peers.marks import perform_async
from benchmarks.peers.protocol import Args, main

BATCH = 100
PSYCOPG = "?driver=psycopg"


async def connect(url: str) -> Driver:
    """Return a driver of the kind that the URL asks for."""
    if url.endswith(PSYCOPG):
        address = url.removesuffix(PSYCOPG)
        return PsycopgDriver(await psycopg.AsyncConnection.connect(address, autocommit=True))
    return AsyncpgDriver(await asyncpg.connect(url))


async def setup(url: str) -> None:
    async with await connect(url) as driver:
        await Queries(driver).install()


class Producer:
    def __init__(self, driver: Driver) -> None:
        self.queries = Queries(driver)

    async def add(self, args: Args, priority: int = 0) -> None:
        await self.queries.enqueue("noop", json.dumps(args).encode(), priority)

    async def add_many(self, args: Sequence[Args]) -> None:
        payloads: list[Any] = [json.dumps(each).encode() for each in args]
        number = len(payloads)
        await self.queries.enqueue(["noop"] * number, payloads, [0] * number)


@asynccontextmanager
async def produce(url: str) -> AsyncIterator[Producer]:
    async with await connect(url) as driver:
        yield Producer(driver)


async def run(url: str) -> None:
    """Run jobs."""
    queuer = PgQueuer(await connect(url))

    @queuer.entrypoint("noop")
    async def noop(job: Job) -> None:
        await perform_async(json.loads(job.payload or b"{}"))

    await queuer.run(batch_size=BATCH)


def work(url: str, processes: int) -> None:
    uvloop.run(run(url))


if __name__ == "__main__":
    main(setup=setup, produce=produce, work=work)
