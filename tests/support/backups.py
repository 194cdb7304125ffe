"""Backups of a ZODB and of a queue, and the way back to them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import ZEO
from sqlalchemy import Engine, make_url
from ZEO.ClientStorage import ClientStorage
from ZODB import DB
from ZODB.FileStorage import FileStorage

from coserver_consumer.store.schema import tables
from support.databases import copy_database, fresh_database
from support.storages import open_relstorage

Backup = str


class ZodbHome:
    """Where a ZODB of a kind lives: opened, closed, backed up and restored at will."""

    def __init__(self, kind: str, directory: Path, stack: ExitStack) -> None:
        self._kind = kind
        self._directory = directory
        self._stack = stack
        self._count = 0
        self._url = "" if self._is_file else self._make_database()

    @contextmanager
    def opened(self) -> Iterator[DB]:
        """Yield the database, as a Zope opens it that starts."""
        with ExitStack() as stack:
            db = DB(self._open(stack), database_name="main")
            stack.callback(db.close)
            yield db

    def back_up(self) -> Backup:
        """Return a backup of the ZODB, which nobody has open."""
        self._count += 1
        if not self._is_file:
            backup = self._make_database()
            copy_database(self._url, backup)
            return backup
        backup = str(self._directory / f"backup-{self._count}.fs")
        shutil.copy(self._path, backup)
        return backup

    def restore(self, backup: Backup) -> None:
        """Put a backup in the ZODB's place; nobody has it open."""
        if not self._is_file:
            self._url = backup
            return
        for leftover in self._directory.glob(f"{self._path.name}.*"):
            leftover.unlink()
        shutil.copy(backup, self._path)

    @property
    def _is_file(self) -> bool:
        return self._kind in ("file", "zeo")

    @property
    def _path(self) -> Path:
        return self._directory / "Data.fs"

    def _open(self, stack: ExitStack) -> Any:
        if self._kind == "file":
            return FileStorage(str(self._path))
        if self._kind == "zeo":
            address, stop = ZEO.server(str(self._path))
            stack.callback(stop)
            return ClientStorage(address)
        return open_relstorage(make_url(self._url), keep_history=self._kind != "history-free")

    def _make_database(self) -> str:
        return self._stack.enter_context(fresh_database("postgresql", self._directory))


def back_up_queue(engine: Engine) -> Callable[[], None]:
    """Keep all rows of a queue; return a function that puts them back."""
    every = tables.metadata.sorted_tables
    with engine.connect() as connection:
        kept = {
            table: [dict(row) for row in connection.execute(_select(table)).mappings()]
            for table in every
        }

    def restore() -> None:
        with engine.begin() as connection:
            for table in reversed(every):
                connection.execute(sa.delete(table))
            for table in every:
                if kept[table]:
                    connection.execute(sa.insert(table), kept[table])

    return restore


def _select(table: sa.Table) -> sa.Select[Any]:
    """Return the query for what can be written: the database computes the rest."""
    return sa.select(*(column for column in table.c if column.computed is None))
