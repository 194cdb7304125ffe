"""The way back to the jobs that a transaction had at a savepoint."""

from __future__ import annotations

from transaction.interfaces import IDataManagerSavepoint
from zope.interface import implementer

from collective.coserver.datamanager.batch import Batch


@implementer(IDataManagerSavepoint)
class Savepoint:
    """Remembers the number of jobs; a rollback drops those that were queued since."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.length = len(batch.jobs)

    def rollback(self) -> None:
        """Drop the later jobs."""
        self.batch.shorten(self.length)
