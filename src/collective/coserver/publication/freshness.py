"""A job never reads a database older than the transaction that queued it."""

from __future__ import annotations

import transaction
import Zope2
from ZODB.POSException import StorageError
from ZODB.utils import u64

from collective.coserver.evidence.storage_kind import unwrap
from collective.coserver.publication.agreement import Disagreement, agreement
from coserver_consumer.model.job import Job


class Behind(Exception):
    """This Zope doesn't know of the transaction that queued the job, so the job has to wait."""


def catch_up(job: Job) -> None:
    """Have the request see its producer's transaction, or raise ``Behind``.

    A ZEO client hears of other clients' transactions a moment later; after a ``ping`` it knows
    all that the server knew. The publisher's transaction began before that and sees the older
    state, so another one is begun. Other storages need none of this.
    """
    _check_agreement()
    evidence = job.evidence if isinstance(job.evidence, dict) else {}
    db = Zope2.DB.databases.get(evidence.get("database"))
    if db is None or job.tid is None:
        return
    storage = unwrap(db.storage)
    if not hasattr(storage, "ping"):
        return
    if not _knows(storage, job.tid):
        storage.ping()
    if not _knows(storage, job.tid):
        agreement.compare_again(db)
        _check_agreement()
        raise Behind(f"The ZODB here hasn't got transaction {job.tid:#x} of job {job.id} yet.")
    transaction.begin()


def _check_agreement() -> None:
    try:
        agreement.check(Zope2.DB.databases)
    except (Disagreement, StorageError) as error:
        raise Behind(str(error)) from error


def _knows(storage: object, tid: int) -> bool:
    return bool(u64(storage.lastTransaction()) >= tid)  # type: ignore[attr-defined]
