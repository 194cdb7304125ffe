"""The transport that has a Zope instance run a job, by one signed request over HTTP.

A request that was sent may be at work in Zope, whatever becomes of its answer. So the attempt ends
only when Zope says that the run is not at work any more; until then everybody sees the job running.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from http import HTTPStatus
from typing import assert_never

from coserver_consumer.model.errors import ZopeUnavailable
from coserver_consumer.model.job import Job, RunKey
from coserver_consumer.model.outcome import NotTried, Obstacle, Outcome, Released
from coserver_consumer.protocol.answer import (
    DONE,
    NEVER_CAME,
    find_site_hosts,
    judge_unmarked,
    name_request,
    read_answer,
)
from coserver_consumer.protocol.handshake import Greeting
from coserver_consumer.protocol.reply import Reply
from coserver_consumer.protocol.request import Request
from coserver_consumer.protocol.run_state import AT_WORK, RunState
from coserver_consumer.protocol.tokens import make_token
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import SECOND
from coserver_consumer.zope.http_pool import HttpPool, NoAnswer, NoConnection
from coserver_consumer.zope.instances import Instances
from coserver_consumer.zope.run_states import ZopeRuns
from coserver_consumer.zope.service import Services

TOKEN_MARGIN_S = 60.0  # so long a token outlives its request
STOP_PAUSE_S = 0.1  # between two questions whether runs have stopped


class HttpTransport:
    """Sends jobs to the Zope instances of the settings, and to no other address.

    ``consumer`` is the id of a consumer that the queue's database knows, once there is one.
    """

    def __init__(self, settings: Settings) -> None:
        self.services = Services(settings)
        self.instances = Instances(settings.zope_url, self._greet)
        self.consumer: str | None = None
        self._settings = settings
        self._secret = settings.secret_text
        self._runs = ZopeRuns(self.services, max_silence=settings.dead_after)
        self._pool = HttpPool(size=settings.threads, max_body=settings.max_result)

    def send(self, job: Job, request: Request) -> Outcome:
        """Have an instance run the job; return how the attempt has ended.

        The job is released while no instance can run it: that is no attempt.
        """
        begun = time.monotonic()
        self._see_out_earlier(job)
        tried: set[str] = set()
        while True:
            with self.instances.least_busy(tried) as url:
                if url is None:
                    return Released()
                signed = self._sign(request, job, waited=time.monotonic() - begun)
                outcome = self._send_to(url, job, signed)
            if outcome is not None:
                return outcome
            if self.instances.is_out(url):
                tried.add(url)

    def stop(self, keys: Collection[RunKey], *, within: float) -> None:
        """Have Zope stop these runs; wait until none is at work, for ``within`` seconds at most."""
        end = time.monotonic() + within
        left = {url: list(keys) for url in self.instances.urls if keys}
        while left and time.monotonic() < end:
            left = {url: found for url, asked in left.items() if (found := self._stop(url, asked))}
            time.sleep(STOP_PAUSE_S if left else 0)

    def _greet(self, url: str) -> Greeting:
        return self.services.greet(url, self.consumer)

    def _stop(self, url: str, keys: list[RunKey]) -> list[RunKey]:
        """Return those runs that are still at work in the instance, none if it can't be asked."""
        try:
            report = self._runs.ask(url, keys, stop=True)
        except ZopeUnavailable:
            return []
        states = zip(keys, report.states, strict=True)
        return [key for key, state in states if state in AT_WORK]

    def _see_out_earlier(self, job: Job) -> None:
        """Wait until no instance is at an earlier run of the job.

        A single instance needn't be asked: it begins no run while an earlier one is at work there.
        """
        if job.run > 1 and len(self.instances.urls) > 1:
            for url in self.instances.urls:
                self._runs.see_out(url, RunKey(job.id, job.run - 1))

    def _sign(self, request: Request, job: Job, *, waited: float) -> Request:
        """Return the request with a token that is good for it alone, as long as it may take.

        By the database's clock, which says when the job was claimed.
        """
        lifetime = waited + self._find_timeout(job) + TOKEN_MARGIN_S
        token = make_token(
            job.key,
            method=request.method,
            target=request.target,
            body=request.body,
            secret=self._secret,
            expires=(job.started_at or 0) / SECOND + lifetime,
        )
        return replace(request, headers=request.headers | {"Authorization": f"Coserver {token}"})

    def _find_timeout(self, job: Job) -> float:
        return job.timeout or self._settings.http_timeout

    def _send_to(self, url: str, job: Job, request: Request) -> Outcome | None:
        """Return how the attempt has ended; None if the job is to be sent again."""
        process = self.instances.process(url)
        try:
            reply = self._ask(url, job, request)
        except NoConnection as error:
            self.instances.leave_out(url, error.why)
            return None
        except NoAnswer as error:
            return self._see_out(url, job, process, otherwise=error.outcome)
        outcome = read_answer(job, reply)
        return self._find_out(url, job, reply) if outcome is None else self._heed(url, job, outcome)

    def _ask(self, url: str, job: Job, request: Request) -> Reply:
        return self._pool.ask(
            request.method,
            url + request.target,
            name=name_request(job),
            headers=request.headers,
            body=request.body,
            timeout=self._find_timeout(job),
        )

    def _heed(self, url: str, job: Job, outcome: Outcome) -> Outcome | None:
        """Return the outcome that Zope has answered; None if the job is to be sent again."""
        if not isinstance(outcome, NotTried):
            self.instances.note_answer(url)
            return outcome
        match outcome.obstacle:
            case Obstacle.AT_WORK:
                self._runs.see_out(url, RunKey(job.id, job.run - 1))
                return None
            case Obstacle.SECRET | Obstacle.CLOCK | Obstacle.DATABASE | Obstacle.FOREIGN:
                self.instances.leave_out(url, outcome.reason)
                return None
            case Obstacle.LOST | Obstacle.ZODB:  # of this job alone, or of every one
                return outcome if self.instances.ask(url) else None
            case _:
                assert_never(outcome.obstacle)

    def _find_out(self, url: str, job: Job, reply: Reply) -> Outcome | None:
        """Return how an attempt has ended whose answer doesn't say it; None to send it again."""
        try:
            report = self._runs.ask(url, [job.key], stop=False)
        except ZopeUnavailable as error:
            if reply.status == HTTPStatus.GATEWAY_TIMEOUT:  # it may be at work behind the gateway
                begun = self._judge(url, job, reply, RunState.AT_WORK)
                return self._see_out(url, job, None, otherwise=begun)
            self.instances.leave_out(url, str(error))
            return None
        self.instances.note_answer(url, report.process)
        outcome = self._judge(url, job, reply, report.states[0])
        if report.states[0] in AT_WORK:
            return self._see_out(url, job, report.process, otherwise=outcome)
        return outcome

    def _judge(self, url: str, job: Job, reply: Reply, state: RunState) -> Outcome:
        return judge_unmarked(job, reply, state, site_hosts=find_site_hosts(job, [url]))

    def _see_out(self, url: str, job: Job, process: str | None, *, otherwise: Outcome) -> Outcome:
        """Wait until the run isn't at work there any more; return how the attempt has ended.

        ``process`` is the one that the request went to, None if that isn't known. ``otherwise`` is
        the outcome unless the instance knows better.
        """
        report = self._runs.see_out(url, job.key)
        if report is None:
            self.instances.leave_out(url, "it can't be asked about a request that it had")
            return otherwise
        self.instances.note_answer(url, report.process)
        match report.states[0]:
            case RunState.COMPLETED:
                return DONE
            case RunState.UNKNOWN if report.process == process:
                return NEVER_CAME  # and won't be let in if it comes
            case _:
                return otherwise
