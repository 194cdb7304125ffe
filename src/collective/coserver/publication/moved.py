"""The content of a job is run where it is now, and nothing else at the place where it was."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import unquote

from plone.uuid.interfaces import IUUID

from collective.coserver.place import find_at, find_path
from collective.coserver.publication.refusal import Told, refuse
from coserver_consumer.job import Job
from coserver_consumer.outcome import Failed
from coserver_consumer.transports.target import through_virtual_host

HOSTED = "/VirtualHostBase/"


def lead_to_content(request: Any, job: Job) -> None:
    """Have the request look for the job's content before it is traversed.

    That is when the ZODB is open. The signed arguments name the content, so the way to it is the
    owner's, as it was when the job was queued; who may do what there is checked as ever.
    """
    content = job.args.get("content") if isinstance(job.args, dict) else None
    if content:
        request.traverse = partial(_traverse, request, job, content)


def _traverse(
    request: Any, job: Job, content: dict[str, str], path: str, *more: Any, **hooks: Any
) -> Any:
    """Traverse as the request does, to the content's new place if it has moved."""
    del request.traverse
    app = request["PARENTS"][-1]
    now = find_now(app, content, site=job.site)
    if now is None:
        where = f"{content['path']} (UID {content['uid']})"
        gone = Failed(error=f"The content that was at {where} is gone.", retry=False)
        refuse(request, Told(410, gone))
    if now != content["path"]:
        path = request.environ["PATH_INFO"] = _replace(path, job, content["path"], now)
    return request.traverse(path, *more, **hooks)


def find_now(app: Any, content: dict[str, str], *, site: str | None) -> str | None:
    """Return the path at which the content is now, None if it is gone."""
    path, uid = content["path"], content["uid"]
    if _has(app, path, uid):
        return path
    found = find_path(uid, None if site is None else find_at(app, site))
    return found if found is not None and _has(app, found, uid) else None


def _has(app: Any, path: str, uid: str) -> bool:
    found = find_at(app, path)
    return found is not None and IUUID(found, None) == uid


def _replace(asked: str, job: Job, before: str, now: str) -> str:
    """Return the path for the new place, by the virtual host that the request came by."""
    steps = job.args["path"].partition("?")[0].split("/")
    rest = steps[before.count("/") + 1 :]
    path = "/".join([now, *(unquote(step) for step in rest)])
    return through_virtual_host(path, job.origin) if asked.startswith(HOSTED) else path
