"""Zope as a consumer has it: each queue's jobs go over the transport that the settings name."""

from __future__ import annotations

from collections.abc import Sequence

from coserver_consumer.job import Job
from coserver_consumer.outcome import Outcome
from coserver_consumer.settings import Settings
from coserver_consumer.transports.evidence import HttpEvidence
from coserver_consumer.transports.http import HttpTransport
from coserver_consumer.transports.zodb import ZodbTransport
from coserver_consumer.verdict import Question, Verdict


class Zope:
    """The transports. To make one costs little: Zope is started by ``open``.

    Raises ``ConfigurationError`` without a secret.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = HttpTransport(settings)
        self._evidence = HttpEvidence(settings)
        self._zodb = (
            None if settings.zope_conf is None else ZodbTransport(settings, settings.zope_conf)
        )

    def open(self) -> None:
        """Start Zope in this process if any queue's jobs are to run here."""
        if self._zodb is not None:
            self._zodb.open()

    def send(self, job: Job, request: Job) -> Outcome:
        """Have Zope run the job and return what its answer means.

        ``request`` is the job as one of a view: all that is sent.
        """
        if self._zodb is not None and self._settings.runs_in_process(job.queue):
            return self._zodb.send(job, request)
        return self._http.send(request)

    def ask(self, questions: Sequence[Question]) -> list[Verdict]:
        """Return what became of transactions whose process died; raise ``EvidenceUnavailable``."""
        return (self._zodb or self._evidence).ask(questions)
