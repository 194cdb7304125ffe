"""The transport that has a Zope instance run a job: one signed request over HTTP.

A request that was sent may be at work in Zope whatever becomes of its answer. So the attempt ends
only when Zope says that it isn't at it any more, and until then the job is running to everybody.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from http import HTTPStatus
from typing import assert_never

from coserver_consumer.model.errors import ZopeUnavailable
from coserver_consumer.model.job import Job, RunKey
from coserver_consumer.model.outcome import Completed, NotTried, Obstacle, Outcome, Released
from coserver_consumer.protocol.answer import understand
from coserver_consumer.protocol.handshake import Greeting
from coserver_consumer.protocol.reply import Reply
from coserver_consumer.protocol.request import Target
from coserver_consumer.protocol.request_reply import make_request, name_request
from coserver_consumer.protocol.run_state import RunState
from coserver_consumer.protocol.signing import make_token
from coserver_consumer.protocol.unmarked_reply import Step, decide, is_marked
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import SECOND
from coserver_consumer.zope.http_pool import HttpPool, NoAnswer, NoConnection
from coserver_consumer.zope.instances import Instances
from coserver_consumer.zope.run_states import ZopeRuns
from coserver_consumer.zope.service import Services

TOKEN_MARGIN = 60.0  # seconds a token outlives its request
DONE = Completed(is_written=True)
NEVER_CAME = NotTried(obstacle=Obstacle.FOREIGN, reason="Its request never came to be run by Zope.")


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
        self._runs = ZopeRuns(self.services, patience=settings.dead_after)
        self._pool = HttpPool(size=settings.threads, max_body=settings.max_result)

    def send(self, job: Job) -> Outcome:
        """Have Zope run the job, one of a view; return what its answer means.

        The job is given back while no instance can run it: that is no attempt.
        """
        request, begun = make_request(job), time.monotonic()
        self._see_out_earlier(job)
        tried: set[str] = set()
        while True:
            with self.instances.least_busy(tried) as url:
                if url is None:
                    return Released()
                target = self._signed(request, job, waited=time.monotonic() - begun)
                outcome = self._send_to(url, job, target)
            if outcome is not None:
                return outcome
            if self.instances.is_out(url):
                tried.add(url)

    def stop(self, keys: Collection[RunKey], *, within: float) -> None:
        """Tell Zope to stop these runs, and wait until none is at work, at most so long."""
        end = time.monotonic() + within
        left = {url: list(keys) for url in self.instances.urls if keys}
        while left and time.monotonic() < end:
            left = {url: found for url, asked in left.items() if (found := self._stop(url, asked))}
            time.sleep(0.1 if left else 0)

    def _greet(self, url: str) -> Greeting:
        return self.services.greet(url, self.consumer)

    def _stop(self, url: str, keys: list[RunKey]) -> list[RunKey]:
        """Return those that the instance is still at, none if it can't be asked."""
        try:
            report = self._runs.ask(url, keys, stop=True)
        except ZopeUnavailable:
            return []
        states = zip(keys, report.states, strict=True)
        return [key for key, state in states if state in (RunState.AT_WORK, RunState.EARLIER)]

    def _see_out_earlier(self, job: Job) -> None:
        """Wait until no instance is at an earlier run of the job.

        A single instance needn't be asked: it doesn't begin the job while it is.
        """
        if job.run > 1 and len(self.instances.urls) > 1:
            for url in self.instances.urls:
                self._runs.see_out(url, RunKey(job.id, job.run - 1))

    def _signed(self, request: Target, job: Job, *, waited: float) -> Target:
        """Return the request with a token that is good for it alone, as long as it may take.

        By the database's clock, which says when the job was claimed.
        """
        lifetime = waited + self._find_timeout(job) + TOKEN_MARGIN
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

    def _send_to(self, url: str, job: Job, target: Target) -> Outcome | None:
        """Return what the instance's answer means; None if the job is to be sent again."""
        process = self.instances.process(url)
        try:
            reply = self._pool.ask(
                target.method,
                url + target.target,
                request=name_request(target),
                headers=target.headers,
                body=target.body,
                timeout=self._find_timeout(job),
            )
        except NoConnection as error:
            self.instances.leave_out(url, error.why)
            return None
        except NoAnswer as error:
            return self._see_out(url, job, error.outcome, process)
        if is_marked(reply, job.key):
            return self._follow(url, job, understand(job, reply))
        return self._conclude_unmarked(url, job, reply)

    def _follow(self, url: str, job: Job, outcome: Outcome) -> Outcome | None:
        """Return the outcome that Zope tells; None if it was hindered by what may be otherwise."""
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

    def _conclude_unmarked(self, url: str, job: Job, reply: Reply) -> Outcome | None:
        """Return what an answer means that no Zope with the add-on has given to this run."""
        judged = understand(job, reply)
        try:
            report = self._runs.ask(url, [job.key], stop=False)
        except ZopeUnavailable as error:
            if reply.status == HTTPStatus.GATEWAY_TIMEOUT:  # it may be at work behind the gateway
                return self._see_out(url, job, judged, None)
            self.instances.leave_out(url, str(error))
            return None
        self.instances.note_answer(url, report.process)
        match decide(report.states[0], reply.status):
            case Step.JUDGE:
                return judged
            case Step.COMPLETE:
                return DONE
            case Step.SEE_OUT:
                return self._see_out(url, job, judged, report.process)
            case Step.PUT_OFF:
                return NEVER_CAME
            case step:
                assert_never(step)

    def _see_out(self, url: str, job: Job, outcome: Outcome, process: str | None) -> Outcome:
        """Wait until the instance isn't at the run any more; return how the attempt ended.

        ``outcome`` is what the request itself came to.
        """
        report = self._runs.see_out(url, job.key)
        if report is None:
            self.instances.leave_out(url, "it can't be asked about a request that it had")
            return outcome
        self.instances.note_answer(url, report.process)
        match report.states[0]:
            case RunState.COMPLETED:
                return DONE
            case RunState.UNKNOWN if report.process == process:
                return NEVER_CAME  # and won't be let in if it comes
            case _:
                return outcome
