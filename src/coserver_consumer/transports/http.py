"""The transport that has a Zope instance run a job: one signed request over HTTP."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from coserver_consumer.job import Job
from coserver_consumer.outcome import Outcome
from coserver_consumer.reply import conclude_zope
from coserver_consumer.settings import Settings
from coserver_consumer.signing import make_token
from coserver_consumer.transports.pool import HttpPool
from coserver_consumer.transports.target import Target, make_target

TOKEN_MARGIN = 30.0  # seconds a token outlives its request
USER_AGENT = f"collective.coserver/{version('collective.coserver')}"


class HttpTransport:
    """Sends jobs to the Zope instance of the settings, and to no other address."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = settings.secret_text
        self._pool = HttpPool(size=settings.threads, max_body=settings.max_result)

    def send(self, job: Job) -> Outcome:
        """Have Zope run the job and return what its answer means."""
        target = make_target(job)
        timeout = job.timeout or self._settings.http_timeout
        request = f"{target.method} {target.path}"
        reply = self._pool.ask(
            target.method,
            self._settings.zope_url + target.target,
            request=request,
            headers=target.headers | self._authorize(job, target, timeout),
            body=target.body,
            timeout=timeout,
        )
        return conclude_zope(
            reply, request=request, hosts=self._hosts(job), limit=self._settings.max_result
        )

    def _authorize(self, job: Job, target: Target, timeout: float) -> dict[str, str]:
        token = make_token(
            job.key,
            method=target.method,
            target=target.target,
            secret=self._secret,
            lifetime=timeout + TOKEN_MARGIN,
        )
        return {"Authorization": f"Coserver {token}", "User-Agent": USER_AGENT}

    def _hosts(self, job: Job) -> frozenset[str]:
        """Return the names under which this job's site is known."""
        origin: dict[str, Any] = job.origin or {}
        addresses = (self._settings.zope_url, origin.get("server_url") or "")
        return frozenset(filter(None, (urlsplit(address).hostname for address in addresses)))
