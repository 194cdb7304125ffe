"""A small language for the store's tests: each call is one committed transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.model.job import Job, new_id
from coserver_consumer.store import claim, enqueue, finish, maintain, manage
from coserver_consumer.store.maintain import ConsumerInfo
from support.new_jobs import make_new

FOLDERS = (claim, enqueue, finish, maintain, manage)


class Queue:
    """The store's functions on one engine, each in a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __getattr__(self, name: str) -> Callable[..., Any]:
        [function] = {getattr(folder, name) for folder in FOLDERS if hasattr(folder, name)}
        return lambda *args, **kw: store.write(
            self.engine, lambda connection: function(connection, *args, **kw)
        )

    def put(self, **values: Any) -> str:
        """Queue a job of task ``t`` and return its id."""
        return self.add(make_new(**values))

    def start(self) -> str:
        """Register a consumer and return its id."""
        consumer_id = new_id()
        self.register(
            ConsumerInfo(
                id=consumer_id,
                name="test",
                hostname="localhost",
                pid=1,
                queues=("default",),
                tasks=("t",),
                capabilities=(),
                threads=1,
                version="0",
            )
        )
        return consumer_id

    def take(self, limit: int = 1, *, consumer: str | None = None, **kw: Any) -> list[Job]:
        """Claim jobs for a consumer, a new one unless one is named."""
        return self.claim(
            consumer=consumer or self.start(),
            limit=limit,
            **{"queues": ["default"], "tasks": ["t"], **kw},
        )


@pytest.fixture
def queue(engine: Engine) -> Queue:
    """The store on an empty database of each kind."""
    return Queue(engine)


@pytest.fixture
def make_queue() -> Iterator[Callable[[str], Queue]]:
    """A function that returns the store on the database of a URL."""
    engines: list[Engine] = []

    def make(url: str) -> Queue:
        engines.append(store.open_engine(url))
        return Queue(engines[-1])

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def hasty(database_url: str) -> Iterator[Engine]:
    """An engine whose transactions may stand still for a second only."""
    engine = store.open_engine(database_url, timeouts=store.Timeouts(statement=1))
    yield engine
    engine.dispose()
