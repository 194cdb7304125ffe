"""The content object that a job is about."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

from collective.coserver.identity.site import site_path
from coserver_consumer.model.job import Job


def find_subject(job: Job, site: Any) -> tuple[str, str] | None:
    """Return the object's path in its site and its address, None for a job that names none."""
    path = _path_of(job.args)
    root = site_path(site)
    if path is None or root is None or not path.startswith(f"{root}/"):
        return None
    inside = path.removeprefix(root)
    return inside, f"{site.absolute_url()}{quote(inside)}"


def _path_of(args: Any) -> str | None:
    """Return the path of the object that a job names, or of that whose view it asks for."""
    if not isinstance(args, dict):
        return None
    content = args.get("content")
    if isinstance(content, dict) and isinstance(path := content.get("path"), str):
        return path
    if isinstance(path := args.get("path"), str):
        return unquote(path).partition("/@@")[0].rstrip("/")
    return None
