"""The tree of Zope's objects: its root, and what the containers on a path lead to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import transaction
from Acquisition import aq_base, aq_chain
from OFS.interfaces import IApplication
from plone.base.interfaces import IPloneSiteRoot
from ZODB.Connection import Connection
from zope.component.hooks import getSite
from zope.globalrequest import getRequest

Steps = Sequence[str]


def find_root(target: Any = None) -> Any:
    """Return the root above the object, or else the one that this thread's code sees.

    The latter is found by the current request, the current site, or a connection that the thread
    has open, as in a script. None where no ZODB is open.
    """
    request = getRequest()
    parents = [] if request is None else request.get("PARENTS") or []
    for place in (target, *parents[-1:], getSite()):
        for item in aq_chain(place):
            if IApplication.providedBy(item):
                return item
    return _find_opened()


def find_at(root: Any, path: str) -> Any:
    """Return the object at the path, None if none is there."""
    steps = path.split("/")[1:]
    found = list(walk(root, steps))
    return found[-1] if found and len(found) == len(steps) else None


def find_site_on(root: Any, path: str) -> Any:
    """Return the innermost site that the path leads through, None if it leads through none.

    The end of the path needn't be there.
    """
    sites = [place for place in walk(root, path.split("/")[1:]) if IPloneSiteRoot.providedBy(place)]
    return sites[-1] if sites else None


def walk(start: Any, steps: Steps) -> Iterator[Any]:
    """Yield the objects on the way; each contains the next one."""
    place = start
    for step in steps:
        get = getattr(aq_base(place), "_getOb", None)
        place = None if get is None or step.startswith("_") else place._getOb(step, None)  # noqa: SLF001
        if place is None or not has_path(place):
            return
        yield place


def has_path(value: Any) -> bool:
    """True if the value is an object that can have a place below Zope's root."""
    return hasattr(aq_base(value), "getPhysicalPath")


def _find_opened() -> Any:
    """Return the root in a connection that takes part in this thread's transactions."""
    opened: list[Any] = []
    transaction.manager.manager._synchs.map(opened.append)  # noqa: SLF001  there is no public list
    for connection in opened:
        if isinstance(connection, Connection) and connection.opened:
            root = connection.root().get("Application")
            if root is not None:
                return root
    return None
