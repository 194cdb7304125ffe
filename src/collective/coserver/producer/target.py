"""What the request of a job is aimed at: an object and what follows its path, or a path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

from Products.ZCatalog.interfaces import ICatalogBrain

from collective.coserver.identity.place import Subject, find_subject, is_followed, note
from collective.coserver.identity.site import find_site
from collective.coserver.identity.tree import find_root, find_site_on, has_path
from collective.coserver.identity.way import DIRECT, Way, find_way
from collective.coserver.producer.path import require_target, to_path
from coserver_consumer.model.errors import InvalidJob

Args = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """``args`` are those of the job as it would be now; ``way`` leads by the subject.

    ``site`` is the one that it lies in, or else the current one.
    """

    args: Args
    site: Any
    way: Way = DIRECT
    subject: Subject | None = None

    def settle(self) -> Args:
        """Return the arguments by where the subject is now; raise ``InvalidJob`` for nowhere.

        Of content that was deleted meanwhile they stay as they are: its job fails as it is gone.
        """
        if self.subject is None:
            return self.args
        place = self.subject.find()
        if "content" in self.args and not self.subject.is_at(place):
            return self.args
        return {"path": to_path(self.way.lead(quote(place)), None), **_refer(self.subject, place)}


def to_aim(url: Any, view: str | None) -> Aim:
    """Return what a path, an object or an entry of the catalog is aimed at, with its view.

    Raises ``InvalidJob`` for what can't be a job's path.
    """
    if isinstance(url, str):
        return _from_path(to_path(url, view))
    if not ICatalogBrain.providedBy(url):
        require_target(url)
    subject = note(_to_object(url))
    args = {"path": to_path(quote(subject.path or "/"), view), **_refer(subject, subject.path)}
    site = find_site(subject.target) or find_site()  # one that is being made may be in none
    way = Way(rest="" if view is None else f"/{view}")
    return Aim(args=args, site=site, way=way, subject=subject)


def _from_path(path: str) -> Aim:
    asked = path.partition("?")[0]
    site = find_site_on(find_root(), unquote(asked)) or find_site()
    found = find_subject(asked)
    if found is None:
        return Aim(args={"path": path}, site=site)
    subject, number = found
    way = find_way(asked, number)
    way = replace(way, rest=way.rest + path[len(asked) :])
    args = {"path": path, **_refer(subject, subject.path)}
    return Aim(args=args, site=site, way=way, subject=subject)


def _refer(subject: Subject, place: str | None) -> Args:
    """Return what says of which object the path is, if it is one's that can be looked up."""
    if place is None or not is_followed(subject.target) or not subject.is_at(place):
        return {}
    return {"content": subject.refer(place)}


def _to_object(target: Any) -> Any:
    """Return the object, for an entry of the catalog the one that it stands for."""
    if not ICatalogBrain.providedBy(target):
        if has_path(target):
            return target
        raise InvalidJob(f"A job needs a path or an object that has one, not {target!r}.")
    try:
        return target._unrestrictedGetObject()  # noqa: SLF001  its code chose it, not its user
    except (AttributeError, KeyError, LookupError) as error:
        raise InvalidJob(f"The catalog has {target.getPath()}, but no object is there.") from error
