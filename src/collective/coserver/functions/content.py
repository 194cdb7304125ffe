"""Objects of the site in a job's arguments: they travel as a UID, with the path as fallback."""

from __future__ import annotations

from typing import Any

from plone.app.uuid.utils import uuidToPhysicalPath
from plone.uuid.interfaces import IUUID
from Products.ZCatalog.interfaces import ICatalogBrain
from zope.component.hooks import getSite

from collective.coserver.place import Subject, has_path, note
from coserver_consumer.errors import InvalidJob, ObjectGone

KIND = "content"


def pack(value: Any) -> tuple[str, Any] | None:
    """Return the kind and the subject that an object is, None for what isn't one.

    ``fill`` writes what stands for it. Raises ``InvalidJob`` for an entry of the catalog.
    """
    if ICatalogBrain.providedBy(value):
        raise InvalidJob(
            f"{value.getPath()} is an entry of the catalog: pass the object, brain.getObject()."
        )
    return (KIND, note(value)) if has_path(value) else None


def fill(packed: Any, *, settled: bool) -> Any:
    """Return what was packed as JSON: an object as where it is now, or was when it was packed.

    Raises ``InvalidJob`` for an object that has no place now, if it is to be ``settled``.
    """
    match packed:
        case Subject():
            return packed.refer(packed.find() if settled else packed.path)
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
    uid, path = reference["uid"], reference["path"]
    found = _find_by_path(uuidToPhysicalPath(uid)) if uid else None
    if found is None or IUUID(found, None) != uid:
        found = _find_by_path(path)
    if found is None or IUUID(found, None) != uid:
        raise ObjectGone(f"The object that was at {path or '/'} (UID {uid}) is gone.")
    return found


def _find_by_path(path: str | None) -> Any:
    site = getSite()
    if path is None or site is None:
        return None
    return site.getPhysicalRoot().unrestrictedTraverse(path or "/", None)
