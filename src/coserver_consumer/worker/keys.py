"""The keys of other programs, as the executor asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import Connection

from coserver_consumer.model.current_job import EndAttempt
from coserver_consumer.model.errors import StoreUnavailable
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import NotTried, Obstacle
from coserver_consumer.protocol.key import find_key_id
from coserver_consumer.protocol.known_key import KnownKey
from coserver_consumer.store import manage

Work = Callable[[Connection], Any]


class Transactions(Protocol):
    """What runs work in a transaction of its own; raises ``StoreUnavailable``."""

    def read(self, work: Work) -> Any:
        """Return what ``work`` returns, which only reads."""

    def write(self, work: Work) -> Any:
        """Return what ``work`` returns, and commit."""


class Keys:
    """The keys in the tables. While these can't be read, a job of a key isn't tried."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def find(self, key_id: str) -> KnownKey | None:
        """Return the key with that id as it is now, None if there is none."""
        found: KnownKey | None = _ask(
            self._database.read, lambda connection: manage.find_key(connection, key_id)
        )
        return found

    def note_use(self, job: Job) -> None:
        """Count the job if it is one of a key and begins for the first time."""
        key_id = find_key_id(job)
        if key_id is not None and job.attempt <= 1:
            _ask(self._database.write, lambda connection: manage.note_key_use(connection, key_id))


def _ask(transaction: Callable[[Work], Any], work: Work) -> Any:
    try:
        return transaction(work)
    except StoreUnavailable as error:
        raise EndAttempt(NotTried(obstacle=Obstacle.DATABASE, reason=str(error))) from error
