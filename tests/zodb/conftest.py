"""Databases of the ZODB on every storage that Plone sites use, without Plone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import ZEO
from relstorage.adapters.postgresql import PostgreSQLAdapter
from relstorage.options import Options
from relstorage.storage import RelStorage
from sqlalchemy import make_url
from ZEO.ClientStorage import ClientStorage
from ZODB import DB
from ZODB.DemoStorage import DemoStorage
from ZODB.FileStorage import FileStorage

from support.databases import DATABASES, fresh_database

METADATA = ["file", "zeo", "demo"]
RELSTORAGE = ["history-free", "history-preserving"]
KINDS = METADATA + RELSTORAGE * ("postgresql" in DATABASES)


@contextmanager
def make_storage(kind: str, directory: Path) -> Iterator[Any]:
    """Yield an empty storage of that kind."""
    with ExitStack() as stack:
        path = str(directory / "Data.fs")
        if kind == "file":
            yield FileStorage(path)
        elif kind == "demo":
            yield DemoStorage()
        elif kind == "zeo":
            address, stop = ZEO.server(path)
            stack.callback(stop)
            yield ClientStorage(address)
        else:
            url = make_url(stack.enter_context(fresh_database("postgresql", directory)))
            yield _relstorage(url, keep_history=kind == "history-preserving")


def _relstorage(url: Any, *, keep_history: bool) -> RelStorage:
    dsn = f"host={url.host} port={url.port or 5432} user={url.username} dbname={url.database}"
    options = Options(keep_history=keep_history, blob_dir=None)
    return RelStorage(PostgreSQLAdapter(dsn=dsn, options=options), options=options)


FORGETFUL = [kind for kind in KINDS if kind in ("file", "zeo", "history-free")]


@pytest.fixture(params=KINDS)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DB]:
    """An open database of each kind."""
    with _open(request.param, tmp_path) as database:
        yield database


@pytest.fixture(params=FORGETFUL)
def packing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DB]:
    """An open database of each kind whose pack takes evidence away."""
    with _open(request.param, tmp_path) as database:
        yield database


@contextmanager
def _open(kind: str, directory: Path) -> Iterator[DB]:
    with make_storage(kind, directory) as storage:
        database = DB(storage, database_name="main")
        yield database
        database.close()
