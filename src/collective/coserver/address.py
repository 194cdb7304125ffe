"""Where a job goes: the path of something that Zope can publish."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from coserver_consumer.errors import InvalidJob

# Steps that would change where the virtual host's address leads.
TRICKS = re.compile(r"\.\.?|VirtualHostBase|VirtualHostRoot|_vh_.*")


def to_path(target: Any, view: str | None) -> str:
    """Return the physical path, not quoted, with ``view`` and any query string.

    ``target`` is a path such as ``/Plone/news/@@v?y=1``, quoted or not, since no id can contain
    a percent sign; or an object that has a path.
    """
    path = target if isinstance(target, str) else _path_of(target)
    if view is not None:
        path = f"{path.rstrip('/')}/{view.lstrip('/')}"
    path, question, query = path.partition("?")
    path = unquote(path)
    _check(path)
    return path + question + query


def _path_of(target: Any) -> str:
    try:
        return "/".join(target.getPhysicalPath()) or "/"
    except AttributeError:
        raise InvalidJob(f"A job needs a path or an object that has one, not {target!r}.") from None


def _check(path: str) -> None:
    if not path.startswith("/") or path.startswith("//"):
        raise InvalidJob(
            f"'{path}' isn't a path from Zope's root, such as /Plone/news/@@view. "
            "Pass '/'.join(context.getPhysicalPath()), or the object and view=."
        )
    for step in path.split("/"):
        if TRICKS.fullmatch(step):
            raise InvalidJob(f"'{path}' can't be a job's path, because of '{step}' in it.")
