"""The end of a job as a part of the transaction that does its work: it happens exactly once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection
from transaction.interfaces import TransactionError

from collective.coserver.database.settings import get_settings
from coserver_consumer.model.job import RunKey
from coserver_consumer.model.outcome import Completed, Outcome
from coserver_consumer.store import finish


class LostRun(TransactionError):
    """The job was given to another consumer meanwhile: this transaction must not commit."""


class Effect:
    """One attempt of a job, at the time its transaction commits.

    ``judge`` says what the attempt has come to. Only a completed one ends here: a view that sets
    an error status and returns commits as well, but its job isn't done. ``completed`` is called
    when the store has the job as completed. ``outcome`` is what the attempt has come to, None
    before the commit begins and if it never did.
    """

    def __init__(
        self,
        key: RunKey,
        judge: Callable[[], Outcome],
        completed: Callable[[], None] = lambda: None,
    ) -> None:
        self.key = key
        self._judge = judge
        self._completed = completed
        self.outcome: Outcome | None = None
        self.is_completed = False

    def decide(self) -> bool:
        """Find out what the attempt has come to; return True if that completes the job."""
        self.outcome = self._judge()
        return isinstance(self.outcome, Completed)

    def complete(self, connection: Connection) -> None:
        """End the job: it changed no ZODB."""
        if isinstance(self.outcome, Completed):
            self._require(self._end(connection, self.outcome, finish.complete_running))
        else:
            self._require(finish.lock_running(connection, self.key))

    def vote(self, connection: Connection, evidence: dict[str, Any]) -> None:
        """Let nobody else end the job until the ZODB has decided."""
        if isinstance(self.outcome, Completed):
            self._require(finish.vote(connection, self.key, evidence=evidence))
        else:
            self._require(finish.lock_running(connection, self.key))

    def finish(self, connection: Connection) -> None:
        """End the job: the ZODB has committed its work."""
        if isinstance(self.outcome, Completed):
            self._end(connection, self.outcome, finish.complete_finishing)

    def confirm(self) -> None:
        """Say that the job is completed, if what was written is committed now and did that."""
        if self.is_completed:
            self._completed()

    def _end(
        self, connection: Connection, outcome: Completed, complete: Callable[..., bool]
    ) -> bool:
        limit = get_settings().max_result
        self.is_completed = complete(connection, self.key, outcome.result, max_result=limit)
        return self.is_completed

    def _require(self, is_current: bool) -> None:  # noqa: FBT001  the answer of the store
        """Raise ``LostRun`` unless the run was current."""
        if not is_current:
            raise LostRun(
                f"Run {self.key.run} of job {self.key.job_id} isn't current any more: the job was "
                "given to another consumer, so nothing of this attempt is committed."
            )
