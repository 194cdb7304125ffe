"""Where an object of the site is: by its path, and by its UID if it isn't there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from Acquisition import aq_base
from OFS.interfaces import IApplication
from plone.base.interfaces import IPloneSiteRoot
from plone.uuid.interfaces import IUUID
from zope.component.hooks import getSite

from collective.coserver.origin import find_site
from coserver_consumer.errors import InvalidJob

Steps = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An object that a job is about; ``path`` is where it was when the job was queued, if it was.

    ``find`` asks for its place when the transaction commits.
    """

    target: Any
    path: str | None

    def find(self) -> str:
        """Return where the object is now; raise ``InvalidJob`` if it never had a place.

        What was deleted meanwhile keeps its last one: its job fails since its content is gone.
        """
        path = locate(self.target) or self.path
        if path is None:
            raise InvalidJob(
                f"{self.target!r} has no place in the site, so no job can find it. Queue the job "
                "once the object has been added: in a subscriber of IObjectAddedEvent, say, not "
                "of IObjectCreatedEvent."
            )
        return path

    def is_at(self, path: str) -> bool:
        """True if the containers on the path lead to the object."""
        return _is_at(self.target, path.split("/"))

    def refer(self, path: str | None) -> dict[str, str | None]:
        """Return what a job says of the object at this path."""
        return {"uid": IUUID(self.target, None), "path": path}


def note(target: Any) -> Subject:
    """Return the object as a job's subject."""
    return Subject(target=target, path=locate(target))


def has_path(value: Any) -> bool:
    """True if the value is an object that can have a place below Zope's root."""
    return hasattr(aq_base(value), "getPhysicalPath")


def locate(target: Any) -> str | None:
    """Return the physical path at which the object is now, None if it has no place yet.

    An object knows the container that it was got from, and not that it was moved since; and one
    that is being made may know none. The object at the path must be this one. What can't be
    looked up, as a comment that is reached by ``++conversation++``, is believed.
    """
    steps = target.getPhysicalPath()
    is_rooted = _is_rooted(target, steps)
    if is_rooted and _is_at(target, steps):
        return "/".join(steps) or "/"
    path = find_path(IUUID(target, None), find_site())
    if path is not None and _is_at(target, path.split("/")):
        return path
    return ("/".join(steps) or "/") if is_rooted else None


def find_path(uid: str | None, site: Any) -> str | None:
    """Return the path at which the site's catalog has the content, None if it has none.

    Nothing is indexed for that, as the catalog's own functions would: the transaction may be
    committing.
    """
    if uid is None or site is None:
        return None
    catalog = site.portal_catalog
    found = catalog.Indexes["UID"]._index.get(uid)  # noqa: SLF001  as plone.app.uuid does
    return catalog.getpath(found) if found else None


def walk(start: Any, steps: Steps) -> Iterator[Any]:
    """Yield the objects on the way, each one that the one before contains."""
    place = start
    for step in steps:
        get = getattr(aq_base(place), "_getOb", None)
        place = None if get is None or step.startswith("_") else place._getOb(step, None)  # noqa: SLF001
        if place is None or not has_path(place):
            return
        yield place


def find_content(path: str) -> tuple[Any, int] | None:
    """Return the last object on the path that has a UID, and its number of steps; None if none.

    The site itself isn't looked for by its UID. ``path`` is from Zope's root, without a query; it
    may be quoted.
    """
    site = getSite()
    if site is None:
        return None
    found = None
    steps = [unquote(step) for step in path.split("/")[1:]]
    for number, place in enumerate(walk(site.getPhysicalRoot(), steps), start=1):
        if is_content(place):
            found = place, number
    return found


def is_content(target: Any) -> bool:
    """True if the object can be found by its UID, wherever it is in its site."""
    return not IPloneSiteRoot.providedBy(target) and IUUID(target, None) is not None


def find_at(root: Any, path: str) -> Any:
    """Return the object at the path, None if none is there."""
    steps = path.split("/")[1:]
    found = list(walk(root, steps))
    return found[-1] if found and len(found) == len(steps) else None


def _is_rooted(target: Any, steps: Steps) -> bool:
    """True if the path leads from Zope's root; one without names is that of an object without."""
    if IApplication.providedBy(target):
        return True
    return len(steps) > 1 and not steps[0] and all(steps[1:])


def _is_at(target: Any, steps: Steps) -> bool:
    site = getSite()
    if site is None:
        return False
    root = site.getPhysicalRoot()
    found = find_at(root, "/".join(steps)) if len(steps) > 1 else root
    return found is not None and aq_base(found) is aq_base(target)
