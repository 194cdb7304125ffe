"""The ZODB storages that faults are tried on, opened by every process for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import transaction
from BTrees.OOBTree import OOBTree
from relstorage.adapters.postgresql import PostgreSQLAdapter
from relstorage.options import Options
from relstorage.storage import RelStorage
from ZEO.ClientStorage import ClientStorage
from ZODB import DB
from ZODB.Connection import Connection

from collective.coserver import evidence
from demo.instance import ZeoServer
from demo.ports import HOST
from demo.processes import Process
from demo.ready import port_answers
from demo.stack import SCRIPTS

OBJECTS = "objects"  # by the id of the job that was queued with it
COUNTERS = "counters"  # by the id of the job that has counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Zeo:
    """A client of the ZEO server on ``port``."""

    port: int
    server_sync: bool = False

    def open(self) -> DB:
        """Return the database, opened anew."""
        storage = ClientStorage((HOST, self.port), wait_timeout=30, server_sync=self.server_sync)
        return DB(storage, database_name="main")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relational:
    """A RelStorage in a PostgreSQL database."""

    dsn: str
    keep_history: bool

    def open(self) -> DB:
        """Return the database, opened anew."""
        options = Options(keep_history=self.keep_history, blob_dir=None, cache_local_mb=5)
        adapter = PostgreSQLAdapter(dsn=self.dsn, options=options)
        return DB(RelStorage(adapter, options=options), database_name="main")


Storage = Zeo | Relational


def prepare(storage: Storage) -> None:
    """Make the empty trees of a new database, and what its evidence hangs on.

    Else a child that is to die or to stand still in its first commit may do so in that of another.
    """
    db = storage.open()
    with db.transaction() as connection:
        connection.root()[OBJECTS] = OOBTree()
        connection.root()[COUNTERS] = OOBTree()
    evidence.tend({"main": db})
    db.close()


@contextmanager
def opened(db: DB) -> Iterator[Connection]:
    """Yield a connection of a new transaction; what isn't committed is aborted at the end."""
    transaction.begin()
    connection = db.open()
    try:
        yield connection
    finally:
        try:
            transaction.abort()
        finally:
            connection.close()


def read(storage: Storage, look: Callable[[Any], Any]) -> Any:
    """Return what ``look`` makes of the root, seen by a new client."""
    db = storage.open()
    try:
        with opened(db) as connection:
            return look(connection.root())
    finally:
        db.close()


def make_zeo(directory: Path) -> tuple[Process, Zeo]:
    """Return a ZEO server that isn't started yet, and its client."""
    server = ZeoServer(directory=directory)
    server.write()
    process = Process(
        "zeo",
        [SCRIPTS / "runzeo", "-C", server.conf],
        log=directory / "zeo.log",
        ready=port_answers(server.port),
    )
    return process, Zeo(port=server.port)


def make_relational(url: str, *, keep_history: bool) -> Relational:
    """Return a RelStorage in the PostgreSQL database at ``url``."""
    address = sa.make_url(url)
    dsn = (
        f"host={address.host} port={address.port or 5432} "
        f"user={address.username} dbname={address.database}"
    )
    return Relational(dsn=dsn, keep_history=keep_history)
