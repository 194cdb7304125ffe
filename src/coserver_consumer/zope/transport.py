"""The ways by which a job reaches Zope."""

from __future__ import annotations

from typing import Protocol

from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import Outcome
from coserver_consumer.protocol.request import Request


class Transport(Protocol):
    """Has a Zope run jobs: over HTTP, or in this process."""

    def send(self, job: Job, request: Request) -> Outcome:
        """Have Zope run the job, by this request; return how the attempt has ended.

        Any thread may call it.
        """
