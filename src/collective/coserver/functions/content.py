"""Objects of the site in a job's arguments: they travel as a UID, with the path as fallback."""

from __future__ import annotations

from typing import Any

from Acquisition import aq_base
from plone.app.uuid.utils import uuidToPhysicalPath
from plone.uuid.interfaces import IUUID
from zope.component.hooks import getSite

from coserver_consumer.errors import InvalidJob, ObjectGone

KIND = "content"


def is_content(value: Any) -> bool:
    """True if the value is an object that has a place below Zope's root."""
    return hasattr(aq_base(value), "getPhysicalPath")


def pack(value: Any) -> tuple[str, Any] | None:
    """Return the kind and the reference of an object, None for what isn't one.

    Raises ``InvalidJob`` for an object that has no place yet.
    """
    if not is_content(value):
        return None
    steps = value.getPhysicalPath()
    if steps[0]:
        raise InvalidJob(f"{value!r} has no place in the site yet; add it to a folder first.")
    return KIND, {"uid": IUUID(value, None), "path": "/".join(steps)}


def unpack(kind: str, reference: dict[str, Any]) -> Any:
    """Return the object, wherever it is now, whoever may see it; raise ``ObjectGone``.

    Code chose it when it was queued, as it would have handed it to a function.
    """
    if kind != KIND:
        raise InvalidJob(f"No kind of value is called {kind!r}.")
    uid, path = reference["uid"], reference["path"]
    found = _find_by_path(uuidToPhysicalPath(uid)) if uid else None
    if found is None:
        found = _find_by_path(path)
    if found is None or IUUID(found, None) != uid:
        raise ObjectGone(f"The object that was at {path or '/'} (UID {uid}) is gone.")
    return found


def _find_by_path(path: str | None) -> Any:
    site = getSite()
    if path is None or site is None:
        return None
    return site.getPhysicalRoot().unrestrictedTraverse(path or "/", None)
