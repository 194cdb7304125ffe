"""procrastinate, asynchronous and synchronous over psycopg's pools, as its documentation has it.

``concurrency`` is 10 of its asynchronous jobs in each worker process: more isn't faster, since a
worker fetches one job at a time. LISTEN/NOTIFY is on, and ended jobs are kept: both its defaults.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from procrastinate import App, PsycopgConnector

from benchmarks.peers.marks import perform_async
from benchmarks.peers.protocol import Args, main

CONCURRENCY = 10


def make_app(url: str) -> App:
    """Return the application with its one task."""
    app = App(connector=PsycopgConnector(conninfo=url))

    @app.task(name="noop")
    async def noop(**args: object) -> None:
        await perform_async(args)

    return app


async def setup(url: str) -> None:
    app = make_app(url)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


class Producer:
    def __init__(self, app: App) -> None:
        self.task = app.tasks["noop"]

    async def add(self, args: Args, priority: int = 0) -> None:
        await self.task.configure(priority=priority).defer_async(**args)

    async def add_many(self, args: Sequence[Args]) -> None:
        await self.task.batch_defer_async(*args)


@asynccontextmanager
async def produce(url: str) -> AsyncIterator[Producer]:
    app = make_app(url)
    async with app.open_async():
        yield Producer(app)


def work(url: str, processes: int) -> None:
    make_app(url).run_worker(concurrency=CONCURRENCY, listen_notify=True)


if __name__ == "__main__":
    main(setup=setup, produce=produce, work=work)
