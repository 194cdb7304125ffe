"""awa: its engine is Rust, our job a Python coroutine; up to 500 at once, more isn't faster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from awa import AsyncClient

from benchmarks.peers.marks import perform_async
from benchmarks.peers.protocol import Args, main

WORKERS = 500


@dataclass
class Noop:
    args: dict[str, Any]


async def setup(url: str) -> None:
    async with AsyncClient(url) as client:
        await client.migrate()
        await client.install_queue_storage()


class Producer:
    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def add(self, args: Args, priority: int = 0) -> None:
        await self.client.insert(Noop(args), priority=2 - priority)

    async def add_many(self, args: Sequence[Args]) -> None:
        await self.client.enqueue_many_copy([Noop(each) for each in args])


@asynccontextmanager
async def produce(url: str) -> AsyncIterator[Producer]:
    async with AsyncClient(url) as client:
        yield Producer(client)


async def run(url: str) -> None:
    """Run jobs."""
    client = AsyncClient(url)

    @client.task(Noop)
    async def noop(job: Any) -> None:
        await perform_async(job.args.args)

    await client.start([("default", WORKERS)])
    await asyncio.Event().wait()


def work(url: str, processes: int) -> None:
    asyncio.run(run(url))


if __name__ == "__main__":
    main(setup=setup, produce=produce, work=work)
