"""Objects of the site in a job's arguments: they travel as a UID, with the path as fallback."""

from __future__ import annotations

from typing import Any

from plone.uuid.interfaces import IUUID
from Products.CMFCore.indexing import processQueue
from Products.ZCatalog.interfaces import ICatalogBrain

from collective.coserver.identity.place import Subject, find_paths, note
from collective.coserver.identity.site import find_site
from collective.coserver.identity.tree import find_root, has_path
from collective.coserver.producer.path import knows_path
from coserver_consumer.model.errors import InvalidJob, ObjectGone
from coserver_consumer.protocol import codec

KIND = "content"


def pack(value: Any) -> tuple[str, Any] | None:
    """Return the kind and the subject that an object is, None for what isn't one.

    ``fill`` writes what stands for it. Raises ``InvalidJob`` for an entry of the catalog.
    """
    if ICatalogBrain.providedBy(value):
        raise InvalidJob(
            f"{value.getPath()} is an entry of the catalog: pass the object, brain.getObject()."
        )
    return (KIND, note(value)) if has_path(value) and knows_path(value) else None


def fill(packed: Any, *, settled: bool) -> Any:
    """Return what was packed as JSON: an object as where it is now, or was when it was packed.

    Raises ``InvalidJob`` for an object that has no place now, if it is to be ``settled``.
    """
    match packed:
        case Subject():
            return packed.refer(packed.find() if settled else packed.path)
        case {codec.KIND: "set" | "frozenset" as kind, codec.VALUE: list(items)}:
            filled = [fill(item, settled=settled) for item in items]
            return {codec.KIND: kind, codec.VALUE: codec.in_order(filled)}
        case list():
            return [fill(item, settled=settled) for item in packed]
        case dict():
            return {key: fill(item, settled=settled) for key, item in packed.items()}
        case _:
            return packed


def unpack(kind: str, reference: dict[str, Any]) -> Any:
    """Return the object, wherever it is now, whoever may see it; raise ``ObjectGone``.

    Code chose it when it was queued, as it would have handed it to a function.
    """
    if kind != KIND:
        raise InvalidJob(f"No kind of value is called {kind!r}.")
    uid, path = reference["uid"], reference["path"] or "/"
    root = find_root()
    found = None if root is None else _find(root, uid, path)
    if found is None:
        raise ObjectGone(f"The object that was at {path} (UID {uid}) is gone.")
    return found


def _find(root: Any, uid: str | None, path: str) -> Any:
    """Return the object that was at the path, None if it is gone."""
    processQueue()  # what this transaction has moved is where the catalog will have it
    candidates = find_paths(root, uid, path, site=find_site())
    found = (_find_by_path(root, candidate) for candidate in candidates)
    return next((each for each in found if each is not None and IUUID(each, None) == uid), None)


def _find_by_path(root: Any, path: str) -> Any:
    """Return the object at the path, None for another: a step that isn't there is acquired."""
    found = root.unrestrictedTraverse(path, None)
    if not has_path(found) or ("/".join(found.getPhysicalPath()) or "/") != path:
        return None
    return found
