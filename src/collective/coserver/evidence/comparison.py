"""What the ZODB has from the time since it was last known to agree with the queue.

One of the two may have been restored from a backup meanwhile. An older ZODB lacks transactions
whose jobs are in the queue; an older queue knows nothing of runs whose effects are in the ZODB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from time import gmtime
from typing import Any, Protocol, assert_never

import transaction
from persistent.TimeStamp import TimeStamp
from ZODB import DB
from ZODB.Connection import Connection
from ZODB.utils import p64, u64

from collective.coserver.evidence import marker_objects
from collective.coserver.evidence.storage_kind import keeps_history, unwrap
from collective.coserver.evidence.transaction_metadata import is_intact, read_marks
from collective.coserver.evidence.zodb import last_tid
from coserver_consumer.model.indoubt import Fate, Mark, Question, read_run_mark
from coserver_consumer.model.job import RunKey
from coserver_consumer.store.finish import Origin

LOOK_BACK_S = (60, 3600, 86_400, 30 * 86_400)  # for a transaction, further each time


class Comparison(Protocol):
    """``last`` is the last transaction of the ZODB, ``base`` one that it and the queue both know.

    ``runs`` are those whose marks came since the two last agreed.
    """

    last: int
    base: int
    runs: list[RunKey]

    def has(self, tid: int) -> bool:
        """Return True if the ZODB has the transaction, or it doesn't matter."""

    def find_missing(self, origins: Sequence[Origin]) -> list[Origin]:
        """Return those of the transactions that the ZODB ought to have and hasn't."""


def last_transaction(db: DB) -> int:
    """Return the last transaction's id as a number, also if this client hasn't heard of it yet."""
    storage = unwrap(db.storage)
    if hasattr(storage, "ping"):
        storage.ping()
    with closing(db.open(transaction.TransactionManager())) as connection:
        return last_tid(connection)


def compare(db: DB, since: int) -> Comparison:
    """Return what the ZODB has behind ``since``, up to which it was known to agree."""
    return History(db, since) if keeps_history(db.storage) else Markers(db, since)


class History:
    """The transactions of a storage that keeps them: each is there, unless a pack has removed it.

    A pack to a time after ``since`` leaves a sign on all that it keeps; then it says nothing that a
    transaction is missing.
    """

    def __init__(self, db: DB, since: int) -> None:
        self.last = last_transaction(db)
        self.runs: list[RunKey] = []
        self._storage = db.storage
        self._tids: set[int] = set()
        self._batches: set[str] = set()
        self._end = since
        self._is_packed = False
        self._walk()
        found = since if since in self._tids else _find_before(self._storage, since)
        self._is_packed = self._is_packed or found is None
        self.base = since if found is None or self._is_packed else found

    def has(self, tid: int) -> bool:
        """Return True if it is there, also if it came just now, or a pack may have removed it."""
        if self._is_packed or tid <= self.base or tid in self._tids:
            return True
        self._walk()
        return tid in self._tids

    def find_missing(self, origins: Sequence[Origin]) -> list[Origin]:
        """Return those that aren't there at a second look either: some may come at this moment."""
        if self._is_packed or not any(map(self._lacks, origins)):
            return []
        self._walk()
        return list(filter(self._lacks, origins))

    def _lacks(self, origin: Origin) -> bool:
        is_there = origin.tid in self._tids or origin.batch in self._batches
        return origin.tid > self.base and not is_there

    def _walk(self) -> None:
        for record in self._storage.iterator(p64(self._end)):
            self._end = u64(record.tid)
            self._tids.add(self._end)
            self._is_packed = self._is_packed or not is_intact(record)
            for mark, value in read_marks(record):
                match mark:
                    case Mark.BATCH:
                        self._batches.add(value)
                    case Mark.RUN:
                        self.runs += _to_keys(value)
                    case _:
                        assert_never(mark)


def _find_before(storage: Any, missing: int) -> int | None:
    """Return the last transaction before one that isn't there, None if a pack has removed it.

    A pack leaves a sign on whatever it keeps of the time before.
    """
    for start in [*(_earlier(missing, span) for span in LOOK_BACK_S), None]:
        record = None
        for record in storage.iterator(start, p64(missing)):  # noqa: B007  the last one is wanted
            pass
        if record is not None:
            return u64(record.tid) if is_intact(record) else None
    return 0


def _earlier(tid: int, seconds: float) -> bytes:
    then = gmtime(max(0.0, TimeStamp(p64(tid)).timeTime() - seconds))
    earlier: bytes = TimeStamp(*then[:5], float(then.tm_sec)).raw()
    return earlier


class Markers:
    """The marks in a storage that keeps only objects: all, unless a pack has removed some."""

    def __init__(self, db: DB, since: int) -> None:
        self.last = last_transaction(db)
        self.base = min(self.last, since)
        self.runs: list[RunKey] = []
        self._db = db
        with closing(db.open(transaction.TransactionManager())) as connection:
            for oid in _find_changed(connection, since):
                self.runs += _to_keys(marker_objects.read_mark(connection, oid, Mark.RUN))

    def has(self, _tid: int) -> bool:
        """Return True: no marker is looked for behind a transaction."""
        return True

    def find_missing(self, origins: Sequence[Origin]) -> list[Origin]:
        """Return those whose markers aren't there and weren't packed away either.

        Once a job has voted, its row says where the mark of that run is, and nothing of its
        origin.
        """
        asked = {
            origin.batch: Question(
                mark=Mark.BATCH, value=origin.batch, evidence=dict(origin.evidence)
            )
            for origin in origins
            if origin.evidence.get("mark") == Mark.BATCH
        }
        decisions = marker_objects.decide_finished(self._db, list(asked.values()))
        missing = {each.value for each in decisions if each.fate is Fate.ABORTED}
        return [origin for origin in origins if origin.batch in missing]


def _find_changed(connection: Connection, since: int) -> Iterator[int]:
    """Yield the oids of the objects with a mark that have changed since.

    The connection's own storage is asked: the database's sees what there was when it began.
    """
    for record in connection._storage.iterator(p64(since)):  # noqa: SLF001
        for changed in record:
            if changed.data and Mark.RUN.value.encode() in changed.data:
                yield u64(changed.oid)


def _to_keys(value: str | None) -> list[RunKey]:
    key = None if value is None else read_run_mark(value)
    return [] if key is None else [RunKey(*key)]
