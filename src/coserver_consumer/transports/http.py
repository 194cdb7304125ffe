"""The transport that has a Zope instance run a job: one signed request over HTTP."""

from __future__ import annotations

from coserver_consumer.job import Job
from coserver_consumer.outcome import Outcome
from coserver_consumer.settings import Settings
from coserver_consumer.transports.pool import HttpPool
from coserver_consumer.transports.run_request import conclude, make_request, name_request


class HttpTransport:
    """Sends jobs to the Zope instance of the settings, and to no other address."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = settings.secret_text
        self._pool = HttpPool(size=settings.threads, max_body=settings.max_result)

    def send(self, job: Job) -> Outcome:
        """Have Zope run the job and return what its answer means."""
        zope_url, limit = self._settings.zope_url, self._settings.max_result
        timeout = job.timeout or self._settings.http_timeout
        target = make_request(job, secret=self._secret, lifetime=timeout)
        reply = self._pool.ask(
            target.method,
            zope_url + target.target,
            request=name_request(target),
            headers=target.headers,
            body=target.body,
            timeout=timeout,
        )
        return conclude(job, target, reply, zope_url=zope_url, limit=limit)
