"""The request of a run, whichever way it goes to Zope, and what its answer means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from coserver_consumer.answer import conclude_answer
from coserver_consumer.job import Job
from coserver_consumer.outcome import Outcome
from coserver_consumer.reply import Reply
from coserver_consumer.signing import make_token
from coserver_consumer.transports.target import Target, make_target

TOKEN_MARGIN = 30.0  # seconds a token outlives its request
USER_AGENT = f"collective.coserver/{version('collective.coserver')}"


def make_request(job: Job, *, secret: str, lifetime: float) -> Target:
    """Return the request, with a token that is good for it alone and for so many seconds.

    Raises ``InvalidJob`` naming the argument that is wrong.
    """
    target = make_target(job)
    token = make_token(
        job.key,
        method=target.method,
        target=target.target,
        secret=secret,
        lifetime=lifetime + TOKEN_MARGIN,
    )
    said = {"Authorization": f"Coserver {token}", "User-Agent": USER_AGENT}
    return replace(target, headers=target.headers | said)


def conclude(
    job: Job, target: Target, reply: Reply, *, zope_urls: Iterable[str], limit: int
) -> Outcome:
    """Return what Zope's answer means; ``zope_urls`` are the addresses of its instances."""
    hosts = _find_hosts(job, zope_urls)
    return conclude_answer(job.task, reply, request=name_request(target), hosts=hosts, limit=limit)


def name_request(target: Target) -> str:
    """Return the request as people know it."""
    return f"{target.method} {target.path}"


def _find_hosts(job: Job, zope_urls: Iterable[str]) -> frozenset[str]:
    """Return the names under which this job's site is known."""
    origin: dict[str, Any] = job.origin or {}
    addresses = (*zope_urls, origin.get("server_url") or "")
    return frozenset(filter(None, (urlsplit(address).hostname for address in addresses)))
