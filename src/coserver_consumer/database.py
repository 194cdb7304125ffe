"""The database as the loops and threads of one consumer share it."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from sqlalchemy import Connection, Engine

from coserver_consumer import logs, store
from coserver_consumer.errors import StoreUnavailable

T = TypeVar("T")


class Database:
    """Transactions, and whether the database answers: an outage is logged once for all loops."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._away_since: float | None = None
        self._back_since = time.monotonic()

    def write(self, work: Callable[[Connection], T]) -> T:
        """Do as ``store.write``; raise ``StoreUnavailable`` while nobody answers."""
        return self._do(lambda: store.write(self._engine, work))

    def read(self, work: Callable[[Connection], T]) -> T:
        """Do as ``store.read``; raise ``StoreUnavailable`` while nobody answers."""
        return self._do(lambda: store.read(self._engine, work))

    @property
    def carries_calls(self) -> bool:
        """True if producers can call idle consumers."""
        return store.carries_calls(self._engine)

    @property
    def has_partitions(self) -> bool:
        """True if the history is made of partitions."""
        return store.has_partitions(self._engine)

    def listen(self) -> Connection:
        """Do as ``store.listen``; raise ``StoreUnavailable`` while nobody answers."""
        return self._do(lambda: store.listen(self._engine))

    def hear(self, connection: Connection, *, patience: float) -> set[str]:
        """Return the queues that were called for; raise ``StoreUnavailable`` if the line broke."""
        return self._do(lambda: set(store.hear(connection, patience=patience)))

    def _do(self, transaction: Callable[[], T]) -> T:
        try:
            result = transaction()
        except Exception as error:
            if not store.is_outage(error):
                raise
            self._note_outage(error)
            raise StoreUnavailable(_reason(error)) from error
        self._note_answer()
        return result

    @property
    def calm(self) -> float:
        """For how many seconds the database has been there, as far as this process knows."""
        with self._lock:
            return 0.0 if self._away_since else time.monotonic() - self._back_since

    def _note_outage(self, error: Exception) -> None:
        with self._lock:
            is_news = self._away_since is None
            if is_news:
                self._away_since = time.monotonic()
        if is_news:
            logs.database_away(_reason(error))

    def _note_answer(self) -> None:
        if self._away_since is None:
            return
        with self._lock:
            since, self._away_since = self._away_since, None
            self._back_since = time.monotonic()
        if since is not None:
            logs.database_back(self._back_since - since)


def _reason(error: Exception) -> str:
    """Return the driver's words; SQLAlchemy's would show the statement and its parameters."""
    return str(getattr(error, "orig", None) or error)
