"""What every part of the suite uses: databases with the schema in place."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine
from xdist.scheduler import LoadFileScheduling

from coserver_consumer import store
from support.databases import DATABASES, empty, fresh_database, upgrade

SHARED = ("tests/acceptance/", "tests/plone/")  # their tests share what takes long to start


def pytest_configure(config: pytest.Config) -> None:
    """Let an interrupt end what the tests start, also where they run in a shell's background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Scheduling(LoadFileScheduling):
    """Hands a folder that shares a Plone to one process, and of all other tests each file."""

    def _split_scope(self, nodeid: str) -> str:
        folder = next((name for name in SHARED if nodeid.startswith(name)), None)
        return folder or super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    """Say how ``pytest --numprocesses`` shares the tests out."""
    return Scheduling(config, log)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuse an id with an address in it: those who share out tests must agree on their ids."""
    if " at 0x" in item.nodeid:
        raise pytest.UsageError(f"The id of a test differs in each process: {item.nodeid}")


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
                upgrade(urls[kind])
            return urls[kind]

        yield make


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, upgraded: Callable[[str], str]) -> str:
    """The URL of a database with this version's tables, empty, one of each kind asked for."""
    url = upgraded(request.param)
    empty(url)
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a database with the tables of this version."""
    engine = store.open_engine(database_url, pool_size=10)
    yield engine
    engine.dispose()
