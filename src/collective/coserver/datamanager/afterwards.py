"""Whether the current request's transaction has ended: nobody commits what comes afterwards."""

from __future__ import annotations

import threading

import transaction
from transaction.interfaces import ITransaction


class Afterwards(threading.local):
    """Whether this thread's request has ended its transaction.

    A transaction that is current afterwards was made by asking for the current one, and the
    publisher throws it away; unless somebody has begun it, which the transaction manager tells.
    """

    def __init__(self) -> None:
        self._is_now = False
        self._begun: ITransaction | None = None

    def start(self) -> None:
        """Say that the request's transaction has been committed, or is about to be aborted."""
        transaction.manager.registerSynch(self)  # which tells of the current one at once
        self._begun = None
        self._is_now = True

    def end(self) -> None:
        """Say that the thread is done with that request."""
        self._begun = None
        self._is_now = False

    def is_too_late_for(self, current: ITransaction) -> bool:
        """Return True if nobody will commit this transaction."""
        return self._is_now and current is not self._begun

    def newTransaction(self, begun: ITransaction) -> None:  # noqa: N802
        """Note a transaction that somebody has begun."""
        self._begun = begun

    def beforeCompletion(self, ended: ITransaction) -> None:  # noqa: N802
        """Do nothing."""

    def afterCompletion(self, ended: ITransaction) -> None:  # noqa: N802
        """Forget it."""
        self._begun = None


afterwards = Afterwards()
