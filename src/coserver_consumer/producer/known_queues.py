"""The names of the queues, as far as a program has heard of them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Engine

from coserver_consumer.model.queue_name import unknown_queue
from coserver_consumer.producer import transactions
from coserver_consumer.store import manage


class KnownQueues:
    """The queues of one database. It is asked about names that are new here; queues don't go."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._names: set[str] = set()

    def require(self, names: Iterable[str], connection: Connection | None = None) -> None:
        """Raise ``UnknownQueue`` for a queue that nobody has made known.

        A ``connection`` may be in a transaction that has just made it, and may be rolled back: what
        it says isn't kept.
        """
        new = set(names) - self._names
        if not new:
            return
        if connection is not None:
            _require(connection, new)
        else:
            transactions.read(self._engine, lambda inside: _require(inside, new))
            self._names |= new


def _require(connection: Connection, names: set[str]) -> None:
    known = manage.queues(connection)
    for name in names.difference(known):
        raise unknown_queue(name, known)
