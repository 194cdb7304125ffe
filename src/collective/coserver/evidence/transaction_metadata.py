"""Looking for marks in the metadata of transactions: FileStorage, ZEO, DemoStorage and the like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ZODB import DB
from ZODB.Connection import TransactionMetaData
from ZODB.utils import p64, u64

from collective.coserver.evidence.question import number
from coserver_consumer.model.indoubt import Decision, Fate, Mark, Question


def decide(db: DB, questions: list[Question]) -> list[Decision]:
    """Return the decisions, from one walk over the transactions since the oldest question's base.

    The base is the last transaction before the one that is looked for. If it isn't there any more
    as it was, the database was packed to a later time and its silence says nothing.
    """
    wait_for_voted(db.storage)
    tids: dict[tuple[Mark, str], int] = {}
    intact: set[int] = set()
    for record in db.storage.iterator(p64(min(_base(question) for question in questions))):
        if is_intact(record):
            intact.add(u64(record.tid))
        for mark, value in read_marks(record):
            tids[mark, value] = u64(record.tid)
    return [_decide(question, tids, intact) for question in questions]


def read_marks(record: Any) -> Iterator[tuple[Mark, str]]:
    """Yield the marks of a transaction; what others have put beside them is theirs."""
    for mark in Mark:
        value = record.extension.get(mark.value)
        if isinstance(value, str):
            yield mark, value


def wait_for_voted(storage: Any) -> None:
    """Return when every transaction that had voted has finished or aborted.

    An empty transaction that votes waits for the storage's commit lock, which they hold; it writes
    nothing.
    """
    barrier = TransactionMetaData()
    storage.tpc_begin(barrier)
    try:
        storage.tpc_vote(barrier)
    finally:
        storage.tpc_abort(barrier)


def is_intact(record: Any) -> bool:
    """Return False for what a pack has left of a transaction: its status is ``p``."""
    return record.status in (" ", b" ")


def _decide(question: Question, tids: dict[tuple[Mark, str], int], intact: set[int]) -> Decision:
    tid = tids.get((question.mark, question.value))
    if tid is not None:
        return question.decide(Fate.COMMITTED, tid)
    return question.decide(Fate.ABORTED if _base(question) in intact else Fate.PACKED)


def _base(question: Question) -> int:
    """Return the base; ``answer`` has seen that there is one."""
    return number(question, "base_tid") or 0
