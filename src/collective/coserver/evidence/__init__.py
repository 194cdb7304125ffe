"""How the ZODB tells whether a certain transaction has committed.

A transaction that writes to the queue in its vote is marked before the ZODB begins. If its process
dies before it can say that it has committed, the mark tells: it is there if and only if the
transaction is. ``mark_transaction`` sets the mark, ``answer`` looks for it.

Most storages keep a transaction's metadata, and the mark is a line of it
(``transaction_metadata``). RelStorage keeps none when it is history-free and has no usable
barrier, so there the mark is a tiny object (``marker_objects``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from itertools import groupby

from ZODB import DB

from collective.coserver.evidence import marker_objects, transaction_metadata
from collective.coserver.evidence.question import number
from collective.coserver.evidence.storage_kind import keeps_metadata
from coserver_consumer.model.errors import EvidenceUnavailable
from coserver_consumer.model.exception_text import describe
from coserver_consumer.model.indoubt import Decision, Fate, Question

logger = logging.getLogger("collective.coserver")


def answer(questions: Iterable[Question], databases: Mapping[str, DB]) -> list[Decision]:
    """Return a decision for each question that can be answered.

    A question about a database that isn't mounted here stays open: another Zope may know it. So
    does one about a database that can't be read now; raises ``EvidenceUnavailable`` if that is
    why there isn't any decision.
    """
    decisions: list[Decision] = []
    failures: list[str] = []
    for name, asked in groupby(sorted(questions, key=_name), key=_name):
        if name not in databases:
            continue
        try:
            decisions += _decide(databases[name], list(asked))
        except Exception as error:  # noqa: BLE001  each storage has its own ways to be away
            failures.append(_explain(name, error))
    if failures and not decisions:
        raise EvidenceUnavailable(" ".join(failures))
    for failure in failures:
        logger.warning("%s", failure)
    return decisions


def tend(databases: Mapping[str, DB]) -> None:
    """Renew the evidence that a pack has removed; call it now and then.

    Until it is renewed, the fate of a transaction whose process dies may stay unknown.
    Raises ``EvidenceUnavailable``.
    """
    for name, db in databases.items():
        try:
            if not keeps_metadata(db.storage):
                marker_objects.move_fence(db)
        except Exception as error:
            raise EvidenceUnavailable(_explain(name, error)) from error


def _name(question: Question) -> str:
    """Return the name of the database that the question is about, "" if that isn't a name."""
    name = question.evidence.get("database")
    return name if isinstance(name, str) else ""


def _explain(name: str, error: Exception) -> str:
    why = " ".join(describe(error).split())
    return f"The ZODB '{name}' can't be asked what became of dead requests ({why})."


def _decide(db: DB, questions: list[Question]) -> list[Decision]:
    sound = [question for question in questions if number(question, "base_tid") is not None]
    unsound = [question.decide(Fate.UNTRACEABLE) for question in questions if question not in sound]
    kind = transaction_metadata if keeps_metadata(db.storage) else marker_objects
    return unsound + (kind.decide(db, sound) if sound else [])
