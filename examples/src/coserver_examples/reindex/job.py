"""The reindex: a job for each chunk, which queues the next one."""

from plone import api
from plone.app.uuid.utils import uuidToObject
from plone.dexterity.content import DexterityContent
from zope.globalrequest import getRequest

from collective.coserver import current_job, task

CHUNK = 25  # objects: a transaction so short that a conflict with an editor is soon made good


@task(run_as="system", max_attempts=20, timeout=600)
def reindex_tree(top: DexterityContent, after: str = "", part: int = 1) -> int:
    """Reindex the next objects below ``top``, in the order of their UIDs; return how many.

    The job for the chunk after this one is part of the same transaction: there is one if and only
    if these are done. One chunk follows the other, since two at once would fight for the catalog.

    All indexes are named, so that the objects aren't marked as modified: the catalog is all that
    is written. A conflict with an editor begins this transaction again, not the editor's, and then
    with fewer objects.
    """
    uids = find_uids(top, after)
    size = find_size(current_job.attempt if current_job else 1, getRequest().retry_count)
    reindex(uids[:size])
    if len(uids) > size:
        path = "/".join(top.getPhysicalPath())
        following = reindex_tree.options(
            title=f"Reindex {path}, part {part + 1}", queue=current_job.queue
        )
        following.delay(top, after=uids[size - 1], part=part + 1)
    return len(uids[:size])


def find_size(attempt: int, conflicts: int) -> int:
    """Return how many objects to do: half as many after each conflict and each failed attempt.

    An editor who saves the same object again and again would else be in the way for ever.
    """
    return max(1, CHUNK >> (attempt - 1 + conflicts))


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
