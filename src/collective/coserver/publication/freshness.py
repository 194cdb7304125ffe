"""A job never reads a database older than the transaction that queued it."""

from __future__ import annotations

import Zope2
from ZODB.utils import u64

from collective.coserver.evidence.kind import unwrap
from coserver_consumer.job import Job


class Behind(Exception):
    """The storage doesn't know the transaction, though it was asked to catch up."""


def catch_up(job: Job) -> None:
    """Wait until the job's storage here knows its producer's transaction; raise ``Behind``.

    Call it before a ZODB connection is opened. A ZEO client hears of other clients' transactions
    a moment later; after a ``ping`` it knows all that the server knew. Other storages need none.
    """
    evidence = job.evidence if isinstance(job.evidence, dict) else {}
    db = Zope2.DB.databases.get(evidence.get("database"))
    if db is None or job.tid is None:
        return
    storage = unwrap(db.storage)
    if not hasattr(storage, "ping") or _knows(storage, job.tid):
        return
    storage.ping()
    if not _knows(storage, job.tid):
        raise Behind(f"The ZODB here hasn't got transaction {job.tid:#x} of job {job.id} yet.")


def _knows(storage: object, tid: int) -> bool:
    return bool(u64(storage.lastTransaction()) >= tid)  # type: ignore[attr-defined]
