"""Where an object of the site is: at its path, or where its UID is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from Acquisition import aq_base
from OFS.interfaces import IApplication
from plone.base.interfaces import IPloneSiteRoot
from plone.uuid.interfaces import IUUID

from collective.coserver.identity.site import find_site
from collective.coserver.identity.tree import Steps, find_at, find_root, find_site_on, walk
from collective.coserver.identity.way import list_names
from coserver_consumer.model.errors import InvalidJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An object that a job is about; ``path`` is where it was when the job was queued, if anywhere.

    ``below`` is the way on to something that the object contains and that has no UID. ``find``
    returns the object's place when the transaction commits.
    """

    target: Any
    path: str | None
    below: str = ""

    def find(self) -> str:
        """Return where the object is now; raise ``InvalidJob`` if it never had a place.

        What was deleted meanwhile keeps its last place: its job fails, since its content is gone.
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
        said = {"uid": IUUID(self.target, None), "path": path}
        return said | {"below": self.below} if self.below else said


def note(target: Any, *, below: str = "") -> Subject:
    """Return the object as a job's subject."""
    return Subject(target=target, path=locate(target), below=below)


def locate(target: Any) -> str | None:
    """Return the physical path at which the object is now, None if it has no place yet.

    An object knows the container from which it was taken, but not that it was moved since, and one
    that is being made may know none: so the object at its path must be this one. The path of an
    object that can't be looked up, such as a comment below ``++conversation++``, is believed.
    """
    steps = target.getPhysicalPath()
    is_rooted = _is_rooted(target, steps)
    if is_rooted and _is_at(target, steps):
        return "/".join(steps) or "/"
    for site in (find_site(target), find_site()):
        path = find_path(IUUID(target, None), site)
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


def find_paths(root: Any, uid: str | None, path: str, *, site: Any) -> Iterator[str]:
    """Yield where content may be that was at the path: there, or where a catalog has it.

    The catalogs are that of the site through which the path leads, which is the content's own
    whichever site was current, and that of ``site``.
    """
    yield path
    for asked in (find_site_on(root, path), site):
        if found := find_path(uid, asked):
            yield found


def find_subject(path: str) -> tuple[Subject, int] | None:
    """Return what a path is about, and the number of names to it; None if it is about no object.

    That is the last object on the path that has a UID, or else the object to which the containers
    on the path lead; a site is none. ``path`` begins at Zope's root and has no query; it may be
    quoted.
    """
    root = find_root()
    names = list(list_names(unquote(step) for step in path.split("/")[1:]))
    places = [] if root is None else list(walk(root, names))
    for number in range(len(places), 0, -1):
        target = places[number - 1]
        if is_content(target):
            return note(target, below="/".join(names[number : len(places)])), number
    if places and is_followed(places[-1]):
        return note(places[-1]), len(places)
    return None


def is_content(target: Any) -> bool:
    """True if the object can be found by its UID, wherever it is in its site."""
    return is_followed(target) and IUUID(target, None) is not None


def is_followed(target: Any) -> bool:
    """True if a job can be about the object: a site and Zope's root are only places."""
    return not IPloneSiteRoot.providedBy(target) and not IApplication.providedBy(target)


def _is_rooted(target: Any, steps: Steps) -> bool:
    """True if the path begins at Zope's root; an object without a name has one without names."""
    if IApplication.providedBy(target):
        return True
    return len(steps) > 1 and not steps[0] and all(steps[1:])


def _is_at(target: Any, steps: Steps) -> bool:
    root = find_root(target)
    if root is None:
        return False
    found = find_at(root, "/".join(steps)) if len(steps) > 1 else root
    return found is not None and aq_base(found) is aq_base(target)
