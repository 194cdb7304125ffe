"""The transport that has a Zope instance run a job: one signed request over HTTP."""

from __future__ import annotations

from dataclasses import replace

from coserver_consumer.answer import understand
from coserver_consumer.current_job import EndAttempt
from coserver_consumer.job import Job, RunKey
from coserver_consumer.outcome import Failed, Outcome
from coserver_consumer.reply import Reply
from coserver_consumer.settings import Settings
from coserver_consumer.signing import make_token
from coserver_consumer.transports.instances import Instances
from coserver_consumer.transports.pool import HttpPool, NoConnection
from coserver_consumer.transports.run_request import make_request, name_request
from coserver_consumer.transports.target import Target

TOKEN_MARGIN = 30.0  # seconds a token outlives its request


class HttpTransport:
    """Sends jobs to the Zope instances of the settings, and to no other address."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = settings.secret_text
        self._instances = Instances(settings.zope_url)
        self._pool = HttpPool(size=settings.threads, max_body=settings.max_result)

    def send(self, job: Job) -> Outcome:
        """Have Zope run the job, one of a view; return what its answer means."""
        timeout = job.timeout or self._settings.http_timeout
        target = self._signed(make_request(job), job.key, lifetime=timeout + TOKEN_MARGIN)
        return understand(job, self._ask(target, timeout))

    def _signed(self, target: Target, key: RunKey, *, lifetime: float) -> Target:
        """Return the request with a token that is good for it alone and for so many seconds."""
        token = make_token(
            key,
            method=target.method,
            target=target.target,
            body=target.body,
            secret=self._secret,
            lifetime=lifetime,
        )
        return replace(target, headers=target.headers | {"Authorization": f"Coserver {token}"})

    def _ask(self, target: Target, timeout: float) -> Reply:
        """Return the answer of an instance.

        Another is asked if no connection can be made: then nothing was sent, so nothing is done
        twice.
        """
        tried: dict[str, str] = {}
        while True:
            with self._instances.least_busy(tried) as url:
                if url is None:
                    raise EndAttempt(Failed(error=_explain(target, tried)))
                try:
                    return self._pool.ask(
                        target.method,
                        url + target.target,
                        request=name_request(target),
                        headers=target.headers,
                        body=target.body,
                        timeout=timeout,
                    )
                except NoConnection as error:
                    tried[url] = error.why
                    self._instances.leave_out(url, error.why)


def _explain(target: Target, tried: dict[str, str]) -> str:
    said = "; ".join(f"{url}: {why}" for url, why in tried.items())
    return f"{name_request(target)}: no connection to Zope: {said}"
