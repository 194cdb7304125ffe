"""The data manager that acts before all others."""

from __future__ import annotations

from transaction.interfaces import ISavepointDataManager, ITransaction
from zope.interface import implementer

from collective.coserver.datamanager.batch import Batch
from collective.coserver.datamanager.savepoint import Savepoint


@implementer(ISavepointDataManager)
class First:
    """Marks the ZODB transaction, and fails the commit while that costs nothing if SQL is down."""

    transaction_manager = None

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def sortKey(self) -> str:  # noqa: N802
        """Sort before the ZODB, which takes the extended info along in its ``tpc_begin``."""
        return "\0coserver"

    def savepoint(self) -> Savepoint:
        """Remember the jobs there are."""
        return Savepoint(self.batch)

    def abort(self, current: ITransaction) -> None:
        """Forget the jobs."""
        self.batch.forget()

    def tpc_begin(self, current: ITransaction) -> None:
        """Mark the transaction and check out an SQL connection."""
        if not self.batch.is_empty:
            self.batch.begin(current)

    def commit(self, current: ITransaction) -> None:
        """Do nothing yet."""

    def tpc_vote(self, current: ITransaction) -> None:
        """Leave it to ``Last``, when the others have voted."""

    def tpc_finish(self, current: ITransaction) -> None:
        """Leave it to ``Last``, when the others have finished."""

    def tpc_abort(self, current: ITransaction) -> None:
        """Leave it to ``Last``, which knows why the rows stay."""
