"""The end of a job as a part of the transaction that is its work: it happens exactly once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection
from transaction.interfaces import TransactionError

from collective.coserver.settings import get_settings
from coserver_consumer import store
from coserver_consumer.job import RunKey, State
from coserver_consumer.outcome import Completed, Outcome


class LostRun(TransactionError):
    """The job was given to another consumer meanwhile: this transaction must not commit."""


class Effect:
    """One attempt of a job, at the time its transaction commits.

    ``conclude`` says what the attempt has come to. Only a completed one ends here: a view that
    sets an error status and returns commits as well, but its job isn't done.
    """

    def __init__(self, key: RunKey, conclude: Callable[[], Outcome]) -> None:
        self.key = key
        self._conclude = conclude
        self._outcome: Outcome | None = None

    def complete(self, connection: Connection) -> None:
        """End the job: it changed no ZODB."""
        self._require_current(connection)
        outcome = self._outcome = self._conclude()
        if isinstance(outcome, Completed):
            self._end(connection, outcome, state=State.RUNNING)

    def vote(self, connection: Connection, evidence: dict[str, Any]) -> None:
        """Let nobody else end the job until the ZODB has decided."""
        self._require_current(connection)
        self._outcome = self._conclude()
        if isinstance(self._outcome, Completed):
            store.vote(connection, self.key, evidence=evidence)

    def finish(self, connection: Connection) -> None:
        """End the job: the ZODB has committed its work."""
        if isinstance(self._outcome, Completed):
            self._end(connection, self._outcome, state=State.FINISHING)

    def _end(self, connection: Connection, outcome: Completed, *, state: State) -> None:
        limit = get_settings().max_result
        store.complete(connection, self.key, outcome.result, state=state, max_result=limit)

    def _require_current(self, connection: Connection) -> None:
        """Raise ``LostRun`` unless the run is current; it stays so to the end of the vote."""
        if not store.hold_running(connection, self.key):
            raise LostRun(
                f"Run {self.key.run} of job {self.key.job_id} isn't current any more: the job was "
                "given to another consumer, so nothing of this attempt is committed."
            )
