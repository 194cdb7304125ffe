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
        self._fault: Exception | None = None

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
        """Mark the transaction and check out an SQL connection.

        An error is kept until ``commit``: raised here, it would have the ZODB's managers abort what
        they haven't begun, which they log at length.
        """
        try:
            if not self.batch.is_empty:
                self.batch.begin(current)
        except Exception as error:  # noqa: BLE001  whatever it is, it is raised in a moment
            self._fault = error

    def commit(self, current: ITransaction) -> None:
        """Raise what went wrong at the beginning, before anybody has written anything."""
        if self._fault is not None:
            raise self._fault

    def tpc_vote(self, current: ITransaction) -> None:
        """Leave it to ``Last``, when the others have voted."""

    def tpc_finish(self, current: ITransaction) -> None:
        """Leave it to ``Last``, when the others have finished."""

    def tpc_abort(self, current: ITransaction) -> None:
        """Leave it to ``Last``, which knows why the rows stay."""
