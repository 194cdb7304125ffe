"""The jobs that one transaction queues, and the SQL connection that writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine
from ZODB.Connection import Connection as ZODBConnection

from collective.coserver.engine import get_engine, naming_outages
from coserver_consumer.job import NewJob, new_id


class Batch:
    """What ``First`` and ``Last`` share.

    ``jobs`` are in the order in which they were queued. ``zodb`` is the ZODB connection whose
    commit decides about them, None if the transaction changes no ZODB.
    """

    def __init__(self) -> None:
        self.id = new_id()
        self.jobs: list[NewJob] = []
        self.zodb: ZODBConnection | None = None
        self.has_ended = False
        self._sql: Connection | None = None

    @property
    def is_keyed(self) -> bool:
        """True if one of the jobs wants to be unique."""
        return any(job.unique_key is not None for job in self.jobs)

    def forget(self) -> None:
        """End the batch without its jobs."""
        self.jobs.clear()
        self.has_ended = True

    def connect(self) -> None:
        """Check out a connection that was found to be alive, before anybody commits anything."""
        engine = get_engine()
        with naming_outages(engine):
            self._sql = engine.connect().execution_options(**self._mode(engine))

    def write(self, work: Callable[[Connection], Any]) -> None:
        """Do ``work`` on the connection and commit it."""
        assert self._sql is not None, "connect() comes first"
        with naming_outages(self._sql.engine), self._sql.begin():
            work(self._sql)

    def release(self) -> None:
        """Give the connection back; a second call is nothing."""
        if self._sql is not None:
            self._sql.close()
            self._sql = None

    def _mode(self, engine: Engine) -> dict[str, str]:
        """Leave out BEGIN and COMMIT, which cost a round trip each, where one statement does.

        SQLite has no round trips to save.
        """
        is_one_statement = len(self.jobs) == 1 and not self.is_keyed
        if is_one_statement and engine.dialect.name != "sqlite":
            return {"isolation_level": "AUTOCOMMIT"}
        return {}
