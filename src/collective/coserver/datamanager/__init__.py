"""Jobs become part of a transaction: each exists if and only if the transaction commits.

Two data managers, because one job's row must be written after everybody else has voted and be
released after everybody else has finished, while the mark by which a resolver finds the
transaction in the ZODB must be there before the ZODB begins. ``First`` sorts before all,
``Last`` after all, and between them stands their ``Batch``.

Without a ZODB connection among the transaction's resources the row is written as ready in
``Last``'s vote: one statement that is atomic alone. With one it is written as staged in the vote
and made ready in ``tpc_finish``, when the ZODB has finished. If a process
dies in between, the mark tells what becomes of the rows that it left staged: the ZODB has the mark
if and only if the transaction committed.

The same pair ends the job whose work the transaction is (its ``Effect``): finishing in the vote,
completed when the ZODB has finished.
"""

from __future__ import annotations

import transaction
from transaction.interfaces import ITransaction

from collective.coserver.datamanager.afterwards import afterwards
from collective.coserver.datamanager.batch import Batch
from collective.coserver.datamanager.draft import preview
from collective.coserver.datamanager.effect import Effect
from collective.coserver.datamanager.first import First
from collective.coserver.datamanager.last import Last
from collective.coserver.datamanager.savepoint import Savepoint
from coserver_consumer.model.errors import AddError
from coserver_consumer.model.new_job import NewJob

OPEN = ("Active", "Doomed")
UNCOMMITTED = (*OPEN, "Committing")
TOO_LATE = (
    "a job would be lost. Queue it in the view, in a before-commit hook or in a subscriber of "
    "IPubBeforeCommit, or in a transaction of its own, which is begun and committed there."
)


def join(*jobs: NewJob) -> Savepoint:
    """Add jobs to what the current transaction queues, all or none; return the way back.

    Raises ``AddError`` when it is too late for the transaction to take a job, and ``InvalidJob`` if
    it has one with the same id already.
    """
    batch = _open_batch()
    before = Savepoint(batch)
    batch.add(jobs)
    return before


def pending() -> tuple[NewJob, ...]:
    """Return the jobs that the current transaction queues, as they would be if it committed now.

    There are none once it has ended: in an after-commit hook it is still the current one.
    """
    current = transaction.get()
    batch = _find_batch(current) if current.status in UNCOMMITTED else None
    return () if batch is None else preview(batch.jobs)


def join_effect(effect: Effect) -> None:
    """Let the commit of the current transaction be the end of a job's attempt."""
    _open_batch().effect = effect


def _open_batch() -> Batch:
    """Return the transaction's batch, a new one if there is none; refuse if it is too late."""
    current = transaction.get()
    _require_open(current)
    return _find_batch(current) or _start_batch(current)


def _require_open(current: ITransaction) -> None:
    """Refuse when a job that is added would be lost silently."""
    if current.status not in OPEN:
        raise AddError(
            f"No job can be queued now: the transaction is already {current.status.lower()}. "
            f"In an after-commit hook or while data managers vote, {TOO_LATE}"
        )
    if afterwards.is_too_late_for(current):
        raise AddError(
            "No job can be queued now: the request's transaction has ended, or is about to be "
            f"aborted. In a subscriber of IPubSuccess, IPubFailure or IPubBeforeAbort, {TOO_LATE}"
        )


def _find_batch(current: ITransaction) -> Batch | None:
    """Return the transaction's batch, unless a rollback to before its first job has ended it."""
    try:
        batch: Batch = current.data(Batch)
    except KeyError:
        return None
    return None if batch.has_ended else batch


def _start_batch(current: ITransaction) -> Batch:
    batch = Batch()
    current.set_data(Batch, batch)
    current.join(First(batch))
    current.join(Last(batch))
    return batch
