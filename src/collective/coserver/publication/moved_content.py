"""A job about content runs where that content is now, and never on what has taken its place."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import unquote

from plone.uuid.interfaces import IUUID

from collective.coserver.identity.place import find_paths
from collective.coserver.identity.tree import find_at
from collective.coserver.identity.way import find_way
from collective.coserver.publication.refusal import Refused, refuse
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Failed
from coserver_consumer.protocol.request import through_virtual_host

HOSTED = "/VirtualHostBase/"


def lead_to_content(request: Any, job: Job) -> None:
    """Have the request look for the job's content when it is traversed: the ZODB is open then.

    The signed arguments name the content, so its owner has chosen the way there, as when the job
    was queued; who may do what there is checked as ever.
    """
    content = job.args.get("content") if isinstance(job.args, dict) else None
    if content:
        request.traverse = partial(_traverse, request, job, content)


def _traverse(
    request: Any, job: Job, content: dict[str, Any], path: str, *more: Any, **hooks: Any
) -> Any:
    """Traverse as the request does, to the content's new place if it has moved."""
    del request.traverse
    app = request["PARENTS"][-1]
    now = find_now(app, content, site=job.site)
    if now is None:
        way = "/".join(filter(None, (content["path"], content.get("below"))))
        where = f"{way} (UID {content['uid']})"
        gone = Failed(error=f"The content that was at {where} is gone.", retry=False)
        refuse(request, Refused(410, gone))
    if now != content["path"]:
        path = request.environ["PATH_INFO"] = _replace(path, job, content["path"], now)
    return request.traverse(path, *more, **hooks)


def find_now(app: Any, content: dict[str, Any], *, site: str | None) -> str | None:
    """Return the path at which the content is now, None if it is gone."""
    named = None if site is None else find_at(app, site)
    candidates = find_paths(app, content["uid"], content["path"], site=named)
    return next((path for path in candidates if _has(app, path, content)), None)


def _has(app: Any, path: str, content: dict[str, Any]) -> bool:
    """True if the containers lead there to the content, and on to what was below it."""
    found = find_at(app, path)
    if found is None or IUUID(found, None) != content["uid"]:
        return False
    below = content.get("below")
    return not below or find_at(app, f"{path}/{below}") is not None


def _replace(asked: str, job: Job, before: str, now: str) -> str:
    """Return the path for the new place, by the virtual host that the request came by."""
    way = find_way(unquote(job.args["path"].partition("?")[0]), before.count("/"))
    path = way.lead(now)
    return through_virtual_host(path, job.origin) if asked.startswith(HOSTED) else path
