"""What every part of the suite uses: databases with the schema in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.store import schema
from support.databases import DATABASES, fresh_database


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables, one of each kind asked for."""
    with fresh_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """A function that returns the URL of the session's database of a kind."""
    urls: dict[str, str] = {}
    with ExitStack() as stack:

        def make(kind: str) -> str:
            if kind not in urls:
                directory = tmp_path_factory.mktemp("database")
                urls[kind] = stack.enter_context(fresh_database(kind, directory))
                _upgrade(urls[kind])
            return urls[kind]

        yield make


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, upgraded: Callable[[str], str]) -> str:
    """The URL of a database with this version's tables, empty, one of each kind asked for."""
    url = upgraded(request.param)
    _empty(url)
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a database with the tables of this version."""
    engine = store.open_engine(database_url, pool_size=10)
    yield engine
    engine.dispose()


def _upgrade(url: str) -> None:
    engine = store.open_engine(url)
    store.upgrade(engine)
    engine.dispose()


def _empty(url: str) -> None:
    engine = store.open_engine(url)
    with engine.begin() as connection:
        for table in schema.metadata.sorted_tables:
            connection.execute(sa.delete(table))
        store.add_queue(connection, "default")
    engine.dispose()
