"""The request of a run, whichever way it goes to Zope, and what its answer means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from coserver_consumer.answer import conclude_answer
from coserver_consumer.handover import ENDED
from coserver_consumer.job import Job
from coserver_consumer.outcome import Completed, Outcome
from coserver_consumer.reply import Reply
from coserver_consumer.transports.target import Target, make_target
from coserver_consumer.verdict import run_mark

USER_AGENT = f"collective.coserver/{version('collective.coserver')}"


def make_request(job: Job) -> Target:
    """Return the request; raise ``InvalidJob`` naming the argument that is wrong."""
    target = make_target(job)
    return replace(target, headers=target.headers | {"User-Agent": USER_AGENT})


def conclude(
    job: Job, target: Target, reply: Reply, *, zope_urls: Iterable[str], limit: int
) -> Outcome:
    """Return what Zope's answer means; ``zope_urls`` are the addresses of its instances."""
    hosts = _find_hosts(job, zope_urls)
    request = name_request(target)
    outcome = conclude_answer(job.task, reply, request=request, hosts=hosts, limit=limit)
    if isinstance(outcome, Completed) and reply.headers.get(ENDED.lower()) == run_mark(*job.key):
        return replace(outcome, is_written=True)
    return outcome


def name_request(target: Target) -> str:
    """Return the request as people know it."""
    return f"{target.method} {target.path}"


def _find_hosts(job: Job, zope_urls: Iterable[str]) -> frozenset[str]:
    """Return the names under which this job's site is known."""
    origin: dict[str, Any] = job.origin or {}
    addresses = (*zope_urls, origin.get("server_url") or "")
    return frozenset(filter(None, (urlsplit(address).hostname for address in addresses)))
