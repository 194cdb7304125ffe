"""Whether the file of an SQLite database is still the one that was opened.

One that was deleted or replaced goes on to take what is written to it, and nobody reads it again.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

from coserver_consumer.store.database.error_codes import SQLITE_CANTOPEN

if TYPE_CHECKING:
    from sqlite3 import Connection, OperationalError

log = logging.getLogger("coserver")

IDENTITY = "coserver_file"
LOG, INDEX = "-wal", "-shm"

Identity = tuple[int, int]  # its device and its inode


class SqliteFile:
    """The file behind the connections of one engine, and its write-ahead log.

    A log that is left beside another file than its own would be played into that.
    """

    def __init__(self) -> None:
        self._path = ""
        self._identity: Identity | None = None
        self._log: Identity | None = None

    def watch(self, engine: Engine) -> None:
        """Look at the file whenever a connection is made, or taken from the pool."""
        event.listen(engine, "do_connect", self._require_file)
        event.listen(engine, "connect", self._remember)
        event.listen(engine, "checkout", self._check)

    def _require_file(
        self, _dialect: Any, _record: Any, args: list[Any], options: dict[str, Any]
    ) -> None:
        """Refuse to make an empty file where one was removed, and a log that isn't the file's.

        SQLite opens the file only at the first statement, so it must be asked to make none either.
        """
        if not self._path:
            return
        args[0], options["uri"] = f"file:{quote(self._path)}?mode=rw", True
        found, log = _identify(self._path), _identify(self._path + LOG)
        if found is None:
            raise _cannot_open(f"the file {self._path} was removed")
        if found != self._identity and log is not None and log == self._log:
            raise _cannot_open(
                f"the file {self._path} was replaced, but {LOG} and {INDEX} beside it are those of "
                "the former: stop all that use it, and remove them"
            )

    def _remember(self, connection: Connection, record: Any) -> None:
        _, _, self._path = connection.execute("PRAGMA database_list").fetchone()
        found = _identify(self._path)
        record.info[IDENTITY] = found
        if self._identity not in (None, found):
            log.warning(
                "The database's file %s was replaced by another; connections to it are made anew",
                self._path,
            )
        self._identity = found

    def _check(self, _connection: Any, record: Any, _proxy: Any) -> None:
        if record.info.get(IDENTITY) != _identify(self._path):
            raise InvalidatePoolError("The database's file isn't the one that was opened.")
        self._log = _identify(self._path + LOG)


def _identify(path: str) -> Identity | None:
    """Return None for a file that isn't there."""
    try:
        status = os.stat(path)  # noqa: PTH116  at each transaction, so the fastest way
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _cannot_open(why: str) -> OperationalError:
    from sqlite3 import OperationalError  # a megabyte that other databases don't need

    error = OperationalError(why)
    error.sqlite_errorcode = SQLITE_CANTOPEN
    error.sqlite_errorname = "SQLITE_CANTOPEN"
    return error
