"""Whether the queue and the ZODB belong to the same time; this Zope asks before it runs jobs.

Either may be restored from an older backup than the other. Then jobs would run against a ZODB that
never had their request, or a second time. ``coserver_consumer.store.finish.agreement`` says what a
restore does to a job.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from threading import Lock
from weakref import WeakKeyDictionary

from sqlalchemy import Connection
from ZODB import DB

from collective.coserver import evidence
from collective.coserver.database.engine import read, write
from collective.coserver.evidence.comparison import Comparison, compare, last_transaction
from collective.coserver.evidence.zodb import SESSIONS
from coserver_consumer.model.errors import EvidenceUnavailable
from coserver_consumer.model.exception_text import describe
from coserver_consumer.model.indoubt import Decision, Question
from coserver_consumer.store import finish

logger = logging.getLogger("collective.coserver")

CHECK_EVERY_S = 60.0

MISSING = (
    "%s jobs are held: their requests aren't in the ZODB '%s', which seems to be an older one than "
    "the queue's. They run if the resolver finds them; the first is %s."
)
DONE = (
    "%s jobs are completed: their effects are in the ZODB '%s', though the queue, which seems to "
    "be an older one, didn't know of them. The first is %s."
)


class Disagreement(Exception):
    """The two are being compared, or were just found to belong to different times."""


class Agreement:
    """How far each database of the ZODB is known to agree with the queue, in this process.

    They are compared when the process begins to run jobs, and again when either turns out to be
    older than it was. In between, the queue is told once a minute how far they agree.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: WeakKeyDictionary[DB, int] = WeakKeyDictionary()
        self._until: WeakKeyDictionary[DB, float] = WeakKeyDictionary()

    def check(self, databases: Mapping[str, DB]) -> None:
        """Raise ``Disagreement`` unless they agree; the job has to wait then."""
        late = [db for db in databases.values() if self._is_late(db)]
        if not late:
            return
        if not self._lock.acquire(blocking=False):
            if all(db in self._known for db in late):
                return  # another thread is telling the queue
            raise Disagreement("Zope is comparing its ZODB with the queue; the job runs then.")
        try:
            for db in late:
                self._renew(db)
        finally:
            self._lock.release()

    def compare_again(self, db: DB) -> None:
        """Compare them at the next check: the queue knows something that the ZODB doesn't."""
        self._known.pop(db, None)
        self._until.pop(db, None)

    def _is_late(self, db: DB) -> bool:
        return db.database_name != SESSIONS and time.monotonic() >= self._until.get(db, 0)

    def _renew(self, db: DB) -> None:
        """Tell the queue how far they agree, or compare them.

        Raises ``Disagreement`` if that has changed jobs: the one that is to run may be among them.
        """
        last, known, found = last_transaction(db), self._known.get(db), 0
        if known is None or not _agree(db, last, since=known):
            last, found = _compare(db)
        self._known[db] = last
        self._until[db] = time.monotonic() + CHECK_EVERY_S
        if found:
            raise Disagreement("The ZODB or the queue was restored; the job is looked at again.")


agreement = Agreement()


def answer(questions: Sequence[Question], databases: Mapping[str, DB]) -> list[Decision]:
    """Return what the ZODB says of transactions whose process died.

    The queue is compared with it first, if that is due: questions of another time are asked anew.
    Without a question its evidence is kept in order; a consumer's resolver asks for that when it
    begins, and once an hour. Raises ``EvidenceUnavailable``.
    """
    try:
        agreement.check(databases)
    except Disagreement as said:
        logger.info("%s", said)
        return []
    except Exception as error:
        why = f"The ZODB can't be compared with the queue ({describe(error)})."
        raise EvidenceUnavailable(why) from error
    if not questions:  # to answer one tends as well
        evidence.tend(databases)
    return evidence.answer(questions, databases)


def _agree(db: DB, last: int, *, since: int) -> bool:
    name = db.database_name
    return write(lambda connection: finish.agree(connection, name, last, since=since))


def _compare(db: DB) -> tuple[int, int]:
    """Compare them and write what follows.

    Return up to which transaction they agree, and how many jobs were changed.
    """
    name = db.database_name
    since = read(lambda connection: finish.find_agreed(connection, name))
    if since is None:
        last = last_transaction(db)
        write(lambda connection: finish.agree(connection, name, last))
        return last, 0
    comparison = compare(db, since)
    return comparison.last, write(lambda connection: _apply(connection, name, comparison))


def _apply(connection: Connection, name: str, found: Comparison) -> int:
    """Write what follows from a comparison; return how many jobs that changed."""
    moved = finish.rebase(connection, name, found.has, base=found.base)
    missing = finish.restage_lost(connection, name, found.find_missing, base=found.base)
    done = finish.complete_found(connection, found.runs)
    finish.agree(connection, name, found.last)
    if missing:
        logger.warning(MISSING, len(missing), name, missing[0])
    if done:
        logger.warning(DONE, len(done), name, done[0])
    return moved + len(missing) + len(done)
