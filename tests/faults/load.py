"""A program that queues jobs all the time, whether the database takes them or not."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import sqlalchemy as sa

from coserver_consumer import Client
from coserver_consumer.errors import StoreUnavailable
from coserver_consumer.model.job import State
from coserver_consumer.store.schema import tables

AT_ONCE = 5  # jobs
PAYLOAD = 4000  # bytes of each, so that tables grow
PAUSE = 0.05  # seconds


class Load:
    """Each job writes its id as a line into a file, which nobody takes back."""

    def __init__(self, client: Client, file: Path) -> None:
        self.queued: list[str] = []
        self.refusals = 0
        self._client = client
        self._file = file

    def go_on(self, stop: Event) -> None:
        """Queue jobs until it is to stop."""
        while not stop.wait(PAUSE):
            try:
                self.queued += self._queue()
            except StoreUnavailable:
                self.refusals += 1

    def runs(self) -> Counter[str]:
        """Return how often each job has run."""
        return Counter(self._file.read_text().splitlines())

    def _queue(self) -> list[str]:
        args = {"path": str(self._file)}
        payload = os.urandom(PAYLOAD)
        return self._client.add_many("test.note", [args] * AT_ONCE, payload=payload)


@contextmanager
def loaded(client: Client, file: Path) -> Iterator[Load]:
    """Queue jobs for the length of the block."""
    load, stop = Load(client, file), Event()
    with ThreadPoolExecutor() as threads:
        future = threads.submit(load.go_on, stop)
        try:
            yield load
        finally:
            stop.set()
        future.result()


def find_states(engine: sa.Engine) -> dict[str, State]:
    """Return the state of each job that has ended."""
    history = tables.history.c
    with engine.connect() as connection:
        rows = connection.execute(sa.select(history.id, history.state)).all()
    return {str(row.id): State(row.state) for row in rows}
