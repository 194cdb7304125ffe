"""The request of a run, whichever way it goes to Zope."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version

from coserver_consumer.model.job import Job
from coserver_consumer.protocol.request import Target, make_target

USER_AGENT = f"collective.coserver/{version('collective.coserver')}"


def make_request(job: Job) -> Target:
    """Return the request; raise ``InvalidJob`` naming the argument that is wrong."""
    target = make_target(job)
    return replace(target, headers=target.headers | {"User-Agent": USER_AGENT})


def name_request(target: Target) -> str:
    """Return the request as people know it."""
    return f"{target.method} {target.path}"
