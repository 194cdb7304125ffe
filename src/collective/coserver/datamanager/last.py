"""The data manager that acts after all others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from transaction.interfaces import ISavepointDataManager, ITransaction
from zope.interface import implementer

from collective.coserver.datamanager.batch import Batch
from collective.coserver.datamanager.savepoint import Savepoint

logger = logging.getLogger("collective.coserver")


@implementer(ISavepointDataManager)
class Last:
    """Writes to the store in the vote and, if the ZODB takes part, after that has finished."""

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
        """Write to the store; an error fails the whole transaction."""
        if not self.batch.is_empty:
            self.batch.vote()

    def tpc_finish(self, current: ITransaction) -> None:
        """Write that the ZODB has committed. Never raises: the resolver does the rest."""
        with self._logging_errors():
            if not self.batch.is_empty:
                self.batch.finish()
        with self._logging_errors():
            self.batch.close()
            self.batch.notify_consumers()

    def tpc_abort(self, current: ITransaction) -> None:
        """Give back the connection and touch no row.

        Before our vote there is no row. After it the ZODB may have committed all the same:
        transaction calls this on every manager when the ``tpc_finish`` of any of them fails.
        """
        self.batch.close()

    @contextmanager
    def _logging_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            with suppress(Exception):  # a handler of others may raise, too
                logger.exception(
                    "Batch %s has committed; the resolver does the rest.", self.batch.id
                )
