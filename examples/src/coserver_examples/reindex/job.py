"""The reindex: a job for each chunk, which queues the next one."""

from plone import api
from plone.app.uuid.utils import uuidToObject
from plone.dexterity.content import DexterityContent
from zope.globalrequest import getRequest

from collective.coserver import current_job, task

CHUNK = 25  # objects: a transaction so short that a conflict with an editor is soon made good


@task(run_as="system", max_attempts=20, timeout=600)
def reindex_tree(top: DexterityContent, after: str = "", part: int = 1, size: int = CHUNK) -> int:
    """Reindex the next objects below ``top``, in the order of their UIDs; return how many.

    ``size`` of them, or less if there were conflicts. The job for the chunk after this one is part
    of the same transaction: there is one if and only if these are done. One chunk follows the
    other, since two at once would fight for the catalog.

    All indexes are named, so that the objects aren't marked as modified: the catalog is all that
    is written. A conflict with an editor begins this transaction again, not the editor's, and then
    with fewer objects.
    """
    uids = find_uids(top, after)
    failures = (current_job.attempt - 1 if current_job else 0) + getRequest().retry_count
    chunk = uids[: find_size(size, failures)]
    reindex(chunk)
    if len(uids) > len(chunk):
        path = "/".join(top.getPhysicalPath())
        following = reindex_tree.options(
            title=f"Reindex {path}, part {part + 1}", queue=current_job.queue
        )
        next_size = find_next_size(len(chunk), failures)
        following.delay(top, after=chunk[-1], part=part + 1, size=next_size)
    return len(chunk)


def find_size(size: int, failures: int) -> int:
    """Return how many objects to do: half as many after each conflict and each failed attempt.

    An editor who saves the same object again and again would else be in the way for ever.
    """
    return max(1, size >> failures)


def find_next_size(done: int, failures: int) -> int:
    """Return how many to try next: as many as were done at last, one more if done at once."""
    return done if failures else min(CHUNK, done + 1)


def find_uids(top: DexterityContent, after: str) -> list[str]:
    """Return the UIDs of all below ``top`` that come behind ``after``, sorted."""
    catalog = api.portal.get_tool("portal_catalog")
    found = catalog.unrestrictedSearchResults(path="/".join(top.getPhysicalPath()))
    return sorted(brain.UID for brain in found if after < brain.UID)


def reindex(uids: list[str]) -> None:
    """Reindex those that are still there."""
    indexes = api.portal.get_tool("portal_catalog").indexes()
    for uid in uids:
        item = uuidToObject(uid, unrestricted=True)
        if item is not None:
            item.reindexObject(idxs=indexes)
