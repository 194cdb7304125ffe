"""Marks as objects, for RelStorage, which keeps no metadata.

Three small objects, all plain ``PersistentMapping``s so that a database outlives the add-on:

- A *marker* is written with the transaction that it marks, and says whose it is: a ZODB that was
  restored from a backup gives the same oids out again. Nothing refers to it.
- The *fence* is one object that every marked transaction reads as current and that the resolver
  changes. Whoever had voted when it changes has finished; whoever votes later conflicts and tries
  again. So after the change a marker is there, or never will be.
- A pack removes markers, since nothing refers to them. The *witness* is such an object too, older
  than the markers that name it: as long as it is there, no pack can have removed them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

import transaction
from persistent.mapping import PersistentMapping
from transaction.interfaces import TransientError
from ZODB import DB
from ZODB.Connection import Connection
from ZODB.POSException import POSKeyError
from ZODB.utils import p64, u64

from collective.coserver.evidence.question import number
from coserver_consumer.model.indoubt import Decision, Fate, Mark, Question

T = TypeVar("T")

FENCE = "collective.coserver.fence"  # its key in the database's root
WITNESS = "witness"
MAX_TRIES = 10  # of a commit that meets conflicts


def write_marker(connection: Connection, mark: Mark, value: str) -> dict[str, int]:
    """Add a marker to the current transaction and read the fence; return where to look for it."""
    fence = connection.root().get(FENCE)
    if fence is None:
        fence = _make_fence(connection)
    elif fence._p_jar is not None:  # else this very transaction has made it
        fence._p_activate()  # the serial is known then
        connection.readCurrent(fence)
    return {"marker": u64(_add(connection, {mark.value: value})), "witness": u64(fence[WITNESS])}


def decide(db: DB, questions: list[Question]) -> list[Decision]:
    """Return the decisions, after all transactions that had voted have finished."""
    move_fence(db)
    return decide_finished(db, questions)


def decide_finished(db: DB, questions: list[Question]) -> list[Decision]:
    """Return the decisions on transactions that have finished."""
    with closing(db.open(transaction.TransactionManager())) as connection:
        return [_decide(question, connection) for question in questions]


def read_mark(connection: Connection, oid: int, mark: Mark) -> str | None:
    """Return the mark that an object is, None if it isn't such a marker."""
    found = _find(connection, oid)
    value = None if found is None else found.get(mark.value)
    return value if isinstance(value, str) else None


def move_fence(db: DB) -> None:
    """Change the fence, and give it a new witness if a pack has removed the old one."""

    def move(connection: Connection) -> None:
        fence = connection.root().get(FENCE)
        if fence is None:
            fence = _make_fence(connection)
        if _find(connection, u64(fence[WITNESS])) is None:
            fence[WITNESS] = _make_witness(connection.db())
        fence["moves"] = fence.get("moves", 0) + 1

    _commit(db, move)


def _commit(db: DB, work: Callable[[Connection], T]) -> T:
    """Return what ``work`` returns, committed; a conflict is tried again."""
    manager = transaction.TransactionManager()
    with closing(db.open(manager)) as connection:
        for left in reversed(range(MAX_TRIES)):
            manager.begin()
            try:
                result = work(connection)
                manager.commit()
            except TransientError:
                manager.abort()
                if not left:
                    raise
            else:
                return result
    raise AssertionError("the last try returned or raised")


def _make_fence(connection: Connection) -> PersistentMapping:
    """Return a new fence, which the current transaction puts into the database's root."""
    fence = PersistentMapping({WITNESS: _make_witness(connection.db())})
    connection.root()[FENCE] = fence
    return fence


def _make_witness(db: DB) -> bytes:
    """Return the oid of a new witness.

    It is there before the transaction that names it, and whatever becomes of that.
    """
    return _commit(db, lambda connection: _add(connection, {}))


def _add(connection: Connection, said: dict[str, str]) -> bytes:
    """Add an object that nothing refers to; return its oid."""
    thing = PersistentMapping(said)
    connection.add(thing)
    oid: bytes = thing._p_oid
    return oid


def _find(connection: Connection, oid: int | None) -> PersistentMapping | None:
    """Return such an object, None if there is none, or another thing bears its oid."""
    if oid is None:
        return None
    try:
        found = connection.get(p64(oid))
        found._p_activate()
    except POSKeyError:
        return None
    return found if isinstance(found, PersistentMapping) else None


def _decide(question: Question, connection: Connection) -> Decision:
    oid = number(question, "marker")
    if oid is None:
        return question.decide(Fate.UNTRACEABLE)
    found = _find(connection, oid)
    if found is not None and found.get(question.mark.value) == question.value:
        return question.decide(Fate.COMMITTED, u64(found._p_serial))
    has_witness = _find(connection, number(question, "witness")) is not None
    return question.decide(Fate.ABORTED if has_witness else Fate.PACKED)
