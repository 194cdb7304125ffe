"""The way of jobs to Zope: each queue has the transport that the settings name for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

from coserver_consumer.model.indoubt import Decision, Question
from coserver_consumer.model.job import Job, RunKey
from coserver_consumer.model.outcome import Outcome
from coserver_consumer.protocol.request import Request
from coserver_consumer.settings.settings import Settings
from coserver_consumer.zope.events import Tell, tell_events
from coserver_consumer.zope.evidence import ask_evidence
from coserver_consumer.zope.http_transport import HttpTransport
from coserver_consumer.zope.in_process import load_in_process
from coserver_consumer.zope.secret_watch import SecretWatch
from coserver_consumer.zope.transport import Transport


class Zope:
    """Both transports behind one face. To make it costs little: ``open`` starts Zope.

    Raises ``ConfigurationError`` without a secret.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._changed: Callable[[], None] = lambda: None
        self._http = HttpTransport(settings)
        self._zodb = (
            None if settings.zope_conf is None else load_in_process(settings, settings.zope_conf)
        )
        self._secret = SecretWatch(settings.zope_url, self._http.services.greet)

    def open(self) -> None:
        """Start Zope in this process if any queue's jobs are to run here."""
        if self._zodb is not None:
            self._zodb.open()

    def watch(self, changed: Callable[[], None]) -> None:
        """Have ``changed`` called when what ``find_troubles`` finds may have changed."""
        self._http.instances.changed = self._changed = changed

    def check(self, consumer: str) -> None:
        """Find out whether jobs can be run in Zope.

        ``consumer`` is the id of a consumer that the queue's database knows.
        """
        self._http.consumer = consumer
        if self._http_queues:
            self._http.instances.check()
        if self._zodb is not None and any([self._zodb.check(), self._secret.check()]):
            self._changed()

    def find_troubles(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield the queues whose jobs can't run in Zope now, and why, as a sentence."""
        if self._http_queues and (why := self._http.instances.trouble):
            yield self._http_queues, f"Zope can't run jobs: {why}."
        if self._zodb is not None and (why := self._zodb.trouble or self._secret.trouble):
            yield self._own_queues, why

    def send(self, job: Job, request: Request) -> Outcome:
        """Have Zope run the job, by this request; return how the attempt has ended."""
        return self._find_transport(job.queue).send(job, request)

    def stop(self, keys: Collection[RunKey], *, within: float) -> None:
        """Have Zope stop these runs; wait until none is at work, for ``within`` seconds at most."""
        self._http.stop(keys, within=within)

    def ask(self, questions: Sequence[Question]) -> list[Decision]:
        """Return what became of transactions whose process died; raise ``EvidenceUnavailable``."""
        if self._zodb is not None:
            return self._zodb.ask(questions)
        return ask_evidence(self._http.services, questions)

    def find_tellers(self) -> Iterator[tuple[tuple[str, ...], Tell]]:
        """Yield queues, and what has Zope tell events of their jobs."""
        if self._http_queues:
            services, instances = self._http.services, self._http.instances
            yield self._http_queues, partial(tell_events, services, instances)
        if self._zodb is not None and self._own_queues:
            yield self._own_queues, self._zodb.tell

    def _find_transport(self, queue: str) -> Transport:
        if self._zodb is not None and self._settings.runs_in_process(queue):
            return self._zodb
        return self._http

    @property
    def _http_queues(self) -> tuple[str, ...]:
        """The queues whose jobs are sent to instances."""
        settings = self._settings
        return tuple(name for name in settings.queues if not settings.runs_in_process(name))

    @property
    def _own_queues(self) -> tuple[str, ...]:
        """The queues whose jobs run in a Zope of this process."""
        settings = self._settings
        return tuple(name for name in settings.queues if settings.runs_in_process(name))
