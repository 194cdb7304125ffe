"""What a key lets its program have done: these things, as this user, in this site. Pure.

A thing is ``call:`` and the dotted name of a function, or ``view:`` and a path from Zope's root.
A path that ends with ``/*`` stands for all that is below it; any other for itself alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from keyword import iskeyword
from typing import Any
from urllib.parse import unquote

from coserver_consumer.model.errors import InvalidKey
from coserver_consumer.model.exception_text import brief, brief_text
from coserver_consumer.model.job import Job
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.texts import is_storable, make_line
from coserver_consumer.protocol.answer import CALL
from coserver_consumer.protocol.codec import find_foreign
from coserver_consumer.protocol.request import public_host

VIEW = "view"
BELOW = "/*"
STAR = "*"
MAX_NAME_CHARS = 190  # of a key's name, of a user's id
MAX_PATH_CHARS = 512  # of a site's: each database takes as many
METHODS = ("GET", "POST")
CALL_ARGUMENTS = frozenset({"function", "args", "kwargs"})
VIEW_ARGUMENTS = frozenset({"path", "method", "params"})
# Steps that would lead elsewhere than they seem to, and what servers read in several ways.
TRICKS = re.compile(r"|\.\.?|VirtualHostBase|VirtualHostRoot|_vh_.*")
AMBIGUOUS = re.compile(r"[%\\?#;\x00-\x1f\x7f]")
# Zope takes the rest of such a parameter's name for a further step of the path.
REDIRECTING = re.compile(r":(default_)?(method|action)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a key is good for, and until when: ``expires`` is in seconds since the epoch.

    ``origin`` is that of its jobs: the user folder that knows the owner, and the host by which
    their links are made.
    """

    id: str
    name: str
    owner: str
    site: str
    origin: Mapping[str, Any]
    tasks: tuple[str, ...]
    expires: int

    def as_bytes(self) -> bytes:
        """Return all of it in one spelling, for codes over it."""
        said = asdict(self) | {"tasks": list(self.tasks), "version": 1}
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def make_grant(
    *,
    id: str,  # noqa: A002
    name: str,
    owner: str,
    site: str,
    tasks: tuple[str, ...],
    expires: int,
    user_folder: str | None = None,
    public_url: str | None = None,
) -> Grant:
    """Return a grant; raise ``InvalidKey`` naming what can't be granted.

    ``user_folder`` is the path of the one that knows the owner, the site's unless given.
    ``public_url`` is the address under which visitors see the site.
    """
    for what, text in (("name", name), ("user", owner)):
        _check_text(what, text)
    _check_place("site", site, example="/Plone")
    folder = f"{site}/acl_users" if user_folder is None else user_folder
    _check_place("user folder", folder, example=f"{site}/acl_users, or /acl_users for Zope's root")
    if not tasks:
        raise InvalidKey("A key needs at least one task, such as call:my.addon.tasks.sync.")
    for task in tasks:
        _check_task(task, site)
    return Grant(
        id=id,
        name=name,
        owner=owner,
        site=site,
        origin={"user_folder": folder, **public_host(public_url, site)},
        tasks=tuple(dict.fromkeys(tasks)),
        expires=expires,
    )


def find_refusal(grant: Grant, job: Job | NewJob) -> str | None:
    """Return why the grant doesn't cover the job, as a sentence; None if it does.

    What the program may choose is the job's arguments, as plain values, and its queue.
    """
    for what, wanted, found in (
        ("user", grant.owner, job.owner),
        ("site", grant.site, job.site),
        ("origin", grant.origin, job.origin),
    ):
        if wanted != found:
            return f"The key '{grant.name}' is for the {what} {_show(wanted)}, not {_show(found)}."
    if not isinstance(job.args, dict) or job.payload is not None:
        return f"The key '{grant.name}' is for jobs with arguments, and without a payload."
    match job.task:
        case "call":
            return _refuse_call(grant, job.args)
        case "view":
            return _refuse_view(grant, job.args)
        case _:
            return _refuse_task(grant, job.task)


def _refuse_call(grant: Grant, args: Mapping[str, Any]) -> str | None:
    if other := set(args) - CALL_ARGUMENTS:
        return _refuse_arguments(grant, CALL, other)
    function = args.get("function")
    if f"{CALL}:{function}" not in grant.tasks:
        return _refuse_task(grant, f"{CALL}:{function}")
    if not isinstance(args.get("args"), list) or not isinstance(args.get("kwargs"), dict):
        return "The arguments of a call are 'args', a list, and 'kwargs', a mapping."
    if (kind := find_foreign([args["args"], args["kwargs"]])) is not None:
        return f"The key '{grant.name}' is for plain values, not for any of the kind {_show(kind)}."
    return None


def _refuse_view(grant: Grant, args: Mapping[str, Any]) -> str | None:
    if other := set(args) - VIEW_ARGUMENTS:
        return _refuse_arguments(grant, VIEW, other)
    path = read_path(args.get("path"))
    if path is None or not any(_leads_to(task, path) for task in grant.tasks):
        return _refuse_task(grant, f"{VIEW}:{args.get('path')}")
    if (method := args.get("method", "GET")) not in METHODS:
        return f"The key '{grant.name}' is for {' and '.join(METHODS)}, not {_show(method)}."
    params = args.get("params", {})
    if not isinstance(params, dict):
        return "The argument 'params' of a view is a mapping."
    if bad := next((name for name in params if REDIRECTING.search(name)), None):
        return (
            f"The key '{grant.name}' doesn't allow the parameter {_show(bad)}: it names a method."
        )
    return None


def _leads_to(task: str, path: str) -> bool:
    kind, _, granted = task.partition(":")
    if kind != VIEW:
        return False
    if granted.endswith(BELOW):
        return path.startswith(granted.removesuffix("*"))
    return path == granted


def _refuse_task(grant: Grant, asked: str) -> str:
    allowed = ", ".join(grant.tasks)
    return f"The key '{grant.name}' doesn't allow {_show(asked)}; it allows {allowed}."


def _refuse_arguments(grant: Grant, task: str, other: set[str]) -> str:
    names = ", ".join(sorted(brief_text(name) for name in other))
    return f"The key '{grant.name}' doesn't allow the argument {names} of the task '{task}'."


def _show(value: Any) -> str:
    return brief_text(value) if isinstance(value, str) else brief(value)


def read_path(said: Any) -> str | None:
    """Return a path as Zope walks it, not quoted; None for one that is ambiguous, or no path."""
    if not isinstance(said, str) or "?" in said:
        return None
    try:
        path = unquote(said, errors="strict")
    except UnicodeDecodeError:
        return None
    first, *steps = path.split("/")
    is_odd = AMBIGUOUS.search(path) or not is_storable(path)
    if first or not steps or is_odd or any(TRICKS.fullmatch(step) for step in steps):
        return None
    return path


def _check_text(what: str, text: str) -> None:
    if not text or len(text) > MAX_NAME_CHARS or not is_storable(text) or text != make_line(text):
        raise InvalidKey(
            f"'{brief_text(text)}' can't be a key's {what}: it has 1 to {MAX_NAME_CHARS} "
            "characters, without line breaks."
        )


def _check_place(what: str, path: str, *, example: str) -> None:
    if read_path(path) != path or len(path) > MAX_PATH_CHARS or STAR in path:
        raise InvalidKey(
            f"'{brief_text(path)}' can't be a key's {what}: it is a path that begins at Zope's "
            f"root and doesn't end with a slash, such as {example}."
        )


def _check_task(task: str, site: str) -> None:
    kind, _, what = task.partition(":")
    if kind == CALL and "." in what and all(map(_can_be_imported, what.split("."))):
        return
    path = what.removesuffix(BELOW)
    if kind == VIEW and STAR in path:
        raise InvalidKey(
            f"'{brief_text(task)}' can't be granted: a star stands for all that is below a path, "
            f"as a step of its own at its end, such as view:{site}/news/*. Name each other path."
        )
    if kind == VIEW and read_path(path) == path and f"{path}/".startswith(f"{site}/"):
        return
    raise InvalidKey(
        f"'{brief_text(task)}' can't be granted: a task is call:my.addon.tasks.sync, or "
        f"view:{site}/news/@@import for a view in the site, or view:{site}/news/* for all below."
    )


def _can_be_imported(step: str) -> bool:
    return step.isidentifier() and not iskeyword(step)
