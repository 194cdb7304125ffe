"""Where a job goes: the path of something that Zope can publish."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.texts import make_visible

# Steps that would change where the virtual host's address leads.
TRICKS = re.compile(r"\.\.?|VirtualHostBase|VirtualHostRoot|_vh_.*")
HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
SLASH = re.compile(r"%2f|%5c", re.IGNORECASE)
SAFE = "/@+:,;=~!$'()*&"  # RFC 3986's characters of a path


def knows_path(value: Any) -> bool:
    """True if the value can be asked for its path; a class can't, nor what says yes to all."""
    try:
        path = value.getPhysicalPath()
    except (AttributeError, TypeError):
        return False
    return isinstance(path, tuple) and all(isinstance(step, str) for step in path)


def require_target(target: Any) -> None:
    """Raise ``InvalidJob`` for what is neither text nor an object that can have a path."""
    if not isinstance(target, str) and not knows_path(target):
        raise InvalidJob(f"A job needs a path or an object that has one, not {brief(target)}.")


def to_path(target: Any, view: str | None) -> str:
    """Return the physical path, quoted, with ``view`` and any query string.

    ``target`` is a path from Zope's root such as ``/Plone/news/@@v?y=1``, quoted or not, since no
    id can contain a percent sign; or an object that has a path. What was quoted stays quoted, so
    that the first ``?`` is where the query begins.
    """
    if isinstance(target, str):
        path, query = _split(target)
    else:
        path, query = _path_of(target), ""
    if view is not None:
        more, asked = _split_view(view)
        path, query = f"{path}/{more}", "&".join(filter(None, [query, asked]))
    steps = [step for step in path.split("/") if step]
    _check(steps, target)
    return _spell(f"/{'/'.join(steps)}", query)


def to_title(path: str) -> str:
    """Return a path of ``to_path`` as people read it."""
    quoted, question, query = path.partition("?")
    return unquote(quoted) + question + query


def _split(text: str) -> tuple[str, str]:
    """Return the path, not quoted, and the query."""
    path, _, query = text.partition("?")
    if not path or HOST.match(path):
        raise InvalidJob(
            f"'{make_visible(text)}' isn't a path from Zope's root, such as /Plone/news/@@view. "
            "Pass '/'.join(context.getPhysicalPath()), or the object and view=."
        )
    if SLASH.search(path):
        raise InvalidJob(
            f"'{make_visible(path)}' has a quoted slash, which Zope would take for the end "
            "of a step. Pass what people typed as a parameter, not in the path."
        )
    try:
        return unquote(path, errors="strict"), query
    except UnicodeDecodeError:
        raise InvalidJob(f"'{make_visible(path)}' isn't quoted UTF-8.") from None


def _split_view(view: Any) -> tuple[str, str]:
    """Return the name of a view, and the query behind it."""
    if not isinstance(view, str) or not view.partition("?")[0].strip("/ ") or HOST.match(view):
        raise InvalidJob(
            f"view is {brief(view)}, wanted the name of a view, such as '@@import-feed'."
        )
    return _split(view)


def _path_of(target: Any) -> str:
    try:
        return "/".join(target.getPhysicalPath()) or "/"
    except AttributeError:
        raise InvalidJob(
            f"A job needs a path or an object that has one, not {brief(target)}."
        ) from None


def _check(steps: list[str], target: Any) -> None:
    for step in steps:
        if TRICKS.fullmatch(step):
            raise InvalidJob(
                f"'{make_visible(str(target))}' can't be a job's path, because of '{step}' in it."
            )
        if "\0" in step:
            raise InvalidJob(f"{target!r} can't be a job's path: it has a NUL character.")


def _spell(path: str, query: str) -> str:
    try:
        query.encode()
        return quote(path, safe=SAFE) + (f"?{query}" if query else "")
    except UnicodeEncodeError:
        raise InvalidJob(f"{path!r} isn't text that UTF-8 can spell.") from None
