"""What every contestant can do, and how it is told to: by arguments, answering in a line of JSON.

::

    setup URL                      make the tables
    enqueue URL NUMBER SIZE        add jobs, each in a transaction of its own
    bulk URL NUMBER SIZE           add jobs together, by the fastest way there is
    pace URL NUMBER PER_SECOND     add jobs at an even pace; each tells when it was sent
    mix URL NUMBER PER_SECOND      the same, but one of a hundred takes a second and is less urgent
    work URL PROCESSES             run jobs until the process is ended

SIZE is that of the arguments in bytes, 0 for none. Seconds are counted from an open connection
to the last commit.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

Args = dict[str, Any]
WARM_UP = 20
LONG_ONE_OF, LONG = 100, 1.0  # in a mix: how many are long, and how many seconds
URGENT = 1


class Producer(Protocol):
    """An open connection that jobs are added by."""

    async def add(self, args: Args, priority: int = 0) -> None:
        """Add one job and commit; one of priority ``URGENT`` comes first, where there are such."""

    async def add_many(self, args: Sequence[Args]) -> None:
        """Add many jobs in the fastest way and commit."""


Opened = Callable[[str], AbstractAsyncContextManager[Producer]]


def main(
    *,
    setup: Callable[[str], Coroutine[Any, Any, None]],
    produce: Opened,
    work: Callable[[str, int], None],
) -> None:
    """Play the role that the arguments name."""
    role, url, *numbers = sys.argv[1:]
    first, second = ([float(number) for number in numbers] + [0, 0])[:2]
    if role == "setup":
        asyncio.run(setup(url))
    elif role == "work":
        work(url, int(first))
    else:
        answer = asyncio.run(_produce(produce(url), role, int(first), second))
        print(json.dumps(answer))


async def _produce(
    opened: AbstractAsyncContextManager[Producer], role: str, number: int, second: float
) -> dict[str, Any]:
    async with opened as producer:
        if role in ("pace", "mix"):
            await _pace(producer, number, second, LONG_ONE_OF if role == "mix" else number + 1)
            return {"jobs": number}
        jobs = [make_args(int(second)) for _ in range(number)]
        if role == "enqueue":
            for args in jobs[:WARM_UP]:
                await producer.add(args)
        began = time.perf_counter()
        await (_add_each(producer, jobs) if role == "enqueue" else producer.add_many(jobs))
        return {"jobs": number, "seconds": time.perf_counter() - began}


async def _add_each(producer: Producer, jobs: Sequence[Args]) -> None:
    for args in jobs:
        await producer.add(args)


async def _pace(producer: Producer, number: int, per_second: float, long_one_of: int) -> None:
    began = time.monotonic()
    for index in range(1, number + 1):
        await asyncio.sleep(began + index / per_second - time.monotonic())
        if index % long_one_of:
            await producer.add({"sent": time.monotonic()}, URGENT)
        else:
            await producer.add({"nap": LONG})


def make_args(size: int) -> Args:
    """Return arguments that take so many bytes as JSON, none for 0."""
    return {"text": "x" * (size - len('{"text": ""}'))} if size else {}
