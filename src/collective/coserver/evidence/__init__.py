"""Evidence in the ZODB that a certain transaction committed.

A transaction that tells the queue something in its vote is marked before the ZODB begins. If its
process dies before it can say that it has committed, the mark tells: it is there if and only if
the transaction is. ``marking`` sets the mark, ``answer`` looks for it.

Most storages keep a transaction's metadata, and the mark is a line of it (``metadata``). RelStorage
keeps none when it is history-free and has no usable barrier, so there the mark is a tiny object
(``marker``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from ZODB import DB

from collective.coserver.evidence import marker, metadata
from collective.coserver.evidence.kind import keeps_metadata
from coserver_consumer.verdict import Finding, Question, Verdict


def answer(questions: Iterable[Question], databases: Mapping[str, DB]) -> list[Verdict]:
    """Return a verdict for each question that can be answered.

    A question about a database that isn't mounted here stays open: another Zope may know it.
    """

    def name(question: Question) -> str:
        return str(question.evidence.get("database", ""))

    verdicts: list[Verdict] = []
    for database, asked in groupby(sorted(questions, key=name), key=name):
        if database in databases:
            verdicts += _look(databases[database], list(asked))
    return verdicts


def tend(databases: Mapping[str, DB]) -> None:
    """Make good again what a pack has spoiled; call it now and then.

    Until then a transaction whose process dies may be called lost though it could be told.
    """
    for db in databases.values():
        if not keeps_metadata(db.storage):
            marker.move_fence(db)


def _look(db: DB, questions: list[Question]) -> list[Verdict]:
    sound = [question for question in questions if isinstance(_base(question), int)]
    unsound = [_lost(question) for question in questions if question not in sound]
    look = metadata.look if keeps_metadata(db.storage) else marker.look
    return unsound + (look(db, sound) if sound else [])


def _base(question: Question) -> object:
    return question.evidence.get("base_tid")


def _lost(question: Question) -> Verdict:
    return Verdict(mark=question.mark, value=question.value, finding=Finding.LOST)
