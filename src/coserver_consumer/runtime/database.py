"""The database as the loops and threads of one consumer share it."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock, get_ident
from typing import TypeVar

from sqlalchemy import Connection, Engine

from coserver_consumer import store
from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.runtime.logs import database_logs
from coserver_consumer.store import maintain

T = TypeVar("T")

GOING_DOWN_S = 0.5  # in which a server that goes down may still answer some and refuse others
RETRY_EVERY_S = 1.0  # between two tries at the start
REFUSAL_EXPIRES_S = 60.0  # after which a thread that was refused, and asks no more, is forgotten


class Database:
    """Transactions, and whether the database answers: an outage is logged once for all loops.

    What began long ago tells nothing about now. A failure is news only if it began after the last
    outage, and an answer ends an outage only if it was asked for well after the last failure.

    A database may refuse some things and do others: it reads and doesn't write, or one table is
    locked. Such an outage is over when each thread that was refused has had an answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._away_since: float | None = None
        self._failed_at = 0.0
        self._back_since = time.monotonic()
        self._refused: dict[tuple[int, bool], float] = {}  # when, by thread and if it wrote

    def write(self, work: Callable[[Connection], T]) -> T:
        """Do as ``store.write``; raise ``StoreUnavailable`` while nobody answers."""
        return self._do(lambda: store.write(self._engine, work), writes=True)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Do as ``store.read``; raise ``StoreUnavailable`` while nobody answers."""
        return self._do(lambda: store.read(self._engine, work))

    @property
    def can_listen(self) -> bool:
        """True if this consumer can wait for notifications."""
        return store.can_listen(self._engine)

    @property
    def has_partitions(self) -> bool:
        """True if the history is made of partitions."""
        return maintain.has_partitions(self._engine)

    def listen(self) -> Connection:
        """Do as ``store.listen``; raise ``StoreUnavailable`` while nobody answers."""
        return self._do(lambda: store.listen(self._engine))

    def wait_for_notification(self, connection: Connection, *, timeout: float) -> set[str]:
        """Return the queues that were notified; raise ``StoreUnavailable`` if the line broke."""
        return self._do(lambda: set(store.wait_for_notification(connection, timeout=timeout)))

    def _do(self, transaction: Callable[[], T], *, writes: bool = False) -> T:
        begun = time.monotonic()
        try:
            result = transaction()
        except Exception as error:
            if not store.is_outage(error):
                raise
            self._note_outage(error, begun, writes=writes)
            raise StoreUnavailable(store.describe(error)) from error
        if self._away_since is not None:
            self._note_answer(begun, writes=writes)
        return result

    @property
    def available_seconds(self) -> float:
        """For how many seconds the database has been there, as far as this process knows."""
        with self._lock:
            return 0.0 if self._away_since else time.monotonic() - self._back_since

    def _note_outage(self, error: Exception, begun: float, *, writes: bool) -> None:
        with self._lock:
            self._failed_at = time.monotonic()
            if store.is_refusal(error):
                self._refused[get_ident(), writes] = self._failed_at
            is_news = self._away_since is None and begun >= self._back_since
            if is_news:
                self._away_since = self._failed_at
        if is_news:
            database_logs.away(store.describe(error))

    def _note_answer(self, begun: float, *, writes: bool) -> None:
        with self._lock:
            since = self._away_since
            is_early = begun < self._failed_at + GOING_DOWN_S
            if since is None or self._is_refusing(writes=writes) or is_early:
                return
            self._away_since, self._back_since = None, time.monotonic()
            seconds = self._back_since - since
        database_logs.back(seconds)

    def _is_refusing(self, *, writes: bool) -> bool:
        """Return True while another thread is refused; this one has just had an answer."""
        self._refused.pop((get_ident(), writes), None)
        now = time.monotonic()
        self._refused = {
            asked: at for asked, at in self._refused.items() if now - at < REFUSAL_EXPIRES_S
        }
        return bool(self._refused)


def await_tables(engine: Engine, *, within: float, pause: Callable[[float], bool]) -> bool:
    """Return True when the tables were found, waiting up to so many seconds for the database.

    ``pause`` takes seconds, and returns True if nobody wants to wait any more: then this returns
    False. Raises ``StoreUnavailable`` in the end, and ``SchemaError`` for other tables.
    """
    end, has_said = time.monotonic() + within, False
    while True:
        try:
            store.check_schema(engine)
        except StoreUnavailable as error:
            if time.monotonic() >= end:
                raise
            if not has_said:
                database_logs.awaited(str(error), within)
            has_said = True
        else:
            return True
        if pause(RETRY_EVERY_S):
            return False
