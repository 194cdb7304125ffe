"""What every part of the suite uses: databases with the schema in place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.databases import DATABASES, fresh_database

from coserver_consumer import store


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables, one of each kind asked for."""
    with fresh_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    """The URL of a database with the tables of this version."""
    engine = store.open_engine(empty_database_url)
    store.upgrade(engine)
    engine.dispose()
    return empty_database_url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a database with the tables of this version."""
    engine = store.open_engine(database_url, pool_size=10)
    yield engine
    engine.dispose()
