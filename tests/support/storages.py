"""Storages of the ZODB, one of each kind that Plone sites use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

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
            yield open_relstorage(url, keep_history=kind == "history-preserving")


def open_relstorage(url: Any, *, keep_history: bool) -> RelStorage:
    """Return a RelStorage in the PostgreSQL database at ``url``."""
    dsn = f"host={url.host} port={url.port or 5432} user={url.username} dbname={url.database}"
    options = Options(keep_history=keep_history, blob_dir=None)
    return RelStorage(PostgreSQLAdapter(dsn=dsn, options=options), options=options)


@contextmanager
def open_db(kind: str, directory: Path) -> Iterator[DB]:
    """Yield an open database on such a storage."""
    with make_storage(kind, directory) as storage:
        database = DB(storage, database_name="main")
        yield database
        database.close()
