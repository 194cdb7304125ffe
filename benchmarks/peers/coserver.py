"""coserver: real ``coserver run`` processes, and the client library.

The number of threads is $BENCH_THREADS, and no line is logged for each job, as the others do
none; the rest are the defaults.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.peers.protocol import Args, main
from coserver_consumer import Client, store

SCRIPT = Path(sys.executable).with_name("coserver")
PLUGIN = Path(__file__).with_name("plugin")
THREADS = os.environ.get("BENCH_THREADS", "4")


async def setup(url: str) -> None:
    engine = store.open_engine(url)
    store.upgrade(engine)
    engine.dispose()


class Producer:
    def __init__(self, client: Client) -> None:
        self.client = client

    async def add(self, args: Args, priority: int = 0) -> None:
        self.client.add("noop", args, priority=priority)

    async def add_many(self, args: Sequence[Args]) -> None:
        self.client.add_many("noop", args)


@asynccontextmanager
async def produce(url: str) -> AsyncIterator[Producer]:
    with Client(url) as client:
        yield Producer(client)


def work(url: str, processes: int) -> None:
    """Become a consumer."""
    path = [str(PLUGIN), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {"COSERVER_DATABASE": url, "PYTHONPATH": os.pathsep.join(path)}
    flags = ["--processes", str(processes), "--threads", THREADS, "--log-level", "warning"]
    os.execve(SCRIPT, [SCRIPT.name, "run", *flags], os.environ | settings)  # noqa: S606


if __name__ == "__main__":
    main(setup=setup, produce=produce, work=work)
