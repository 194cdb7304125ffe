"""The data manager that acts after all others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transaction.interfaces import ISavepointDataManager, ITransaction
from zope.interface import implementer

from collective.coserver.datamanager.batch import Batch
from collective.coserver.datamanager.savepoint import Savepoint
from collective.coserver.datamanager.zodb import last_tid
from collective.coserver.settings import get_settings
from coserver_consumer import store

logger = logging.getLogger("collective.coserver")


@implementer(ISavepointDataManager)
class Last:
    """Writes the jobs in the vote and, if the ZODB takes part, lets them run when it is done."""

    transaction_manager = None

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def sortKey(self) -> str:  # noqa: N802
        """Sort after the ZODB and after zope.sqlalchemy, whose key begins with one ``~``."""
        return "~~coserver"

    def savepoint(self) -> Savepoint:
        """Remember the jobs there are."""
        return Savepoint(self.batch)

    def abort(self, current: ITransaction) -> None:
        """Forget the jobs."""
        self.batch.forget()

    def tpc_begin(self, current: ITransaction) -> None:
        """Do nothing yet."""

    def commit(self, current: ITransaction) -> None:
        """Do nothing yet."""

    def tpc_vote(self, current: ITransaction) -> None:
        """Write the jobs; an error is the whole transaction's.

        Nobody votes after us, so without a ZODB to wait for the jobs may run at once.
        """
        batch = self.batch
        if not batch.jobs:
            return
        told: dict[str, Any] = {"max_payload": get_settings().max_payload}
        if batch.zodb is None:
            batch.write(lambda connection: store.add_many(connection, batch.jobs, **told))
            return
        told["evidence"] = {
            "database": batch.zodb.db().database_name,
            "base_tid": last_tid(batch.zodb),
        }
        batch.write(
            lambda connection: store.stage(connection, batch.jobs, batch=batch.id, **told)
        )

    def tpc_finish(self, current: ITransaction) -> None:
        """Let the staged jobs run. It never raises: the ZODB has committed, so the jobs are due."""
        with self._logging_errors():
            if self.batch.jobs and self.batch.zodb is not None:
                self._promote()
        with self._logging_errors():
            self.batch.release()

    def tpc_abort(self, current: ITransaction) -> None:
        """Give back the connection and touch no row.

        Before our vote there is none. After it the ZODB may have committed all the same:
        transaction calls this on everybody when anybody's ``tpc_finish`` fails.
        """
        self.batch.release()

    @contextmanager
    def _logging_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            logger.exception("Batch %s has committed; its jobs stay staged.", self.batch.id)

    def _promote(self) -> None:
        batch = self.batch
        tid = last_tid(batch.zodb)
        batch.write(
            lambda connection: store.promote(
                connection, batch.id, tid=tid, keyed=batch.is_keyed
            )
        )
