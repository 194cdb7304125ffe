"""The transport that runs jobs in a Zope of this process, which opens the ZODB itself.

It is a plugin of the consumer, and imports Zope when it is asked to start it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from coserver_consumer import store
from coserver_consumer.model.errors import (
    ConfigurationError,
    CoserverError,
    EvidenceUnavailable,
    StartAgain,
    ZopeUnavailable,
)
from coserver_consumer.model.exception_text import describe
from coserver_consumer.model.indoubt import Decision, Question
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import NotTried, Obstacle, Outcome
from coserver_consumer.model.told_event import EventReport
from coserver_consumer.protocol.request import Request
from coserver_consumer.protocol.wsgi import Application
from coserver_consumer.runtime.logs import zope_logs
from coserver_consumer.settings.settings import Settings

AT_WORK_PAUSE_S = 0.5  # between two tries to begin a job whose earlier run is still at work


class ZodbTransport:
    """Starts Zope once, in ``open``; then every thread may send jobs."""

    def __init__(self, settings: Settings, zope_conf: Path) -> None:
        self._settings = settings
        self._zope_conf = zope_conf
        self._opening = Lock()
        self._application: Application | None = None
        self.trouble: str | None = None  # why no job can run here now, as a sentence

    def open(self) -> None:
        """Start Zope, which takes about ten seconds with Plone; a second call does nothing.

        Raises ``ConfigurationError`` for a zope.conf that can't be used, ``ZopeUnavailable``
        while its ZODB can't be opened, and ``StartAgain`` if another Zope filled an empty ZODB
        at the same moment: both want to put the same first objects there.
        """
        with self._opening:
            if self._application is None:
                self._application = _start(self._settings, self._zope_conf)

    def send(self, job: Job, request: Request) -> Outcome:
        """Have Zope publish the job's request in this thread; return how the attempt has ended."""
        self.open()
        while True:
            outcome = self._publish(job, request)
            if isinstance(outcome, NotTried) and outcome.obstacle is Obstacle.AT_WORK:
                time.sleep(AT_WORK_PAUSE_S)  # another thread of this process is at an earlier run
                continue
            return outcome

    def _publish(self, job: Job, request: Request) -> Outcome:
        from collective.coserver.embedded.publish import publish

        url, limit = self._settings.zope_url[0], self._settings.max_result
        try:
            return publish(self._published, job, request, server_url=url, max_body=limit)
        finally:
            _clear_thread()

    def check(self) -> bool:
        """Find out whether the ZODB is there; return True if that has changed."""
        if self._application is None:
            return False
        from collective.coserver.evidence.storages import find_disconnected

        before, name = self.trouble, find_disconnected()
        self.trouble = name and f"The ZEO server of the database {name} is away."
        if self.trouble and not before:
            zope_logs.zodb_away(self.trouble)
        elif before and not self.trouble:
            zope_logs.zodb_back()
        return self.trouble != before

    def ask(self, questions: Sequence[Question]) -> list[Decision]:
        """Return what the ZODB says of transactions whose process died.

        Raises ``EvidenceUnavailable`` while the ZODB can't be asked.
        """
        from ZODB.POSException import StorageError

        try:
            return self._ask(questions)
        except Exception as error:
            if not isinstance(error, StorageError) and not store.is_outage(error):  # RelStorage's
                raise
            raise EvidenceUnavailable(
                f"The ZODB doesn't answer ({describe(error)}); jobs of requests that "
                "died are decided when it does."
            ) from error

    def tell(self, event_ids: Sequence[int]) -> EventReport:
        """Tell events, by their ids, to the subscribers of this Zope.

        Raises ``ZopeUnavailable`` while Zope isn't open or its ZODB isn't there.
        """
        from ZODB.POSException import StorageError

        from collective.coserver.services.events.telling import tell

        if self.trouble is not None or self._application is None:
            raise ZopeUnavailable(self.trouble or "Zope isn't open yet.")
        try:
            return tell(event_ids)
        except StorageError as error:
            raise ZopeUnavailable(f"The ZODB doesn't answer ({describe(error)}).") from error
        finally:
            _clear_thread()

    def _ask(self, questions: Sequence[Question]) -> list[Decision]:
        import Zope2

        from collective.coserver.publication.agreement import answer

        return answer(questions, Zope2.DB.databases)

    @property
    def _published(self) -> Application:
        if self._application is None:
            raise ZopeUnavailable("Zope has to be opened before jobs can be sent to it.")
        return self._application


def _start(settings: Settings, zope_conf: Path) -> Application:
    """Return Zope as an application; it uses the consumer's settings, whatever zope.conf says."""
    try:
        from Zope2.Startup.run import make_wsgi_app
        from ZPublisher.httpexceptions import HTTPExceptionHandler

        from collective.coserver.database.settings import use_settings
    except ImportError as error:
        raise ConfigurationError(
            f"Setting 'zope_conf' needs Zope beside the consumer ({error}); "
            "pip install 'collective.coserver[zodb]', or use the environment of the site."
        ) from error
    use_settings(settings)
    try:
        application: Application = HTTPExceptionHandler(make_wsgi_app({}, str(zope_conf)))
    except Exception as error:
        raise _explain(error, zope_conf) from error
    _fit_pools(settings.threads)
    return application


def _explain(error: Exception, zope_conf: Path) -> CoserverError:
    from ZODB.POSException import ConflictError

    name = type(error).__name__
    if isinstance(error, ConflictError):
        return StartAgain(f"Another Zope wrote to the ZODB of {zope_conf} as this one started.")
    if name == "LockError":
        return ConfigurationError(
            f"The ZODB of {zope_conf} is open in another process. A FileStorage can be opened by "
            "one process only: have Zope and its consumers use ZEO or RelStorage."
        )
    if name == "ClientDisconnected":
        return ZopeUnavailable(f"The ZEO server of {zope_conf} can't be reached: {error}")
    return ConfigurationError(f"Zope can't be started from {zope_conf}: {name}: {error}")


def _fit_pools(threads: int) -> None:
    """Keep a connection, and so its cache, for each thread and for the resolver."""
    import Zope2

    for database in Zope2.DB.databases.values():
        database.setPoolSize(threads + 1)


def _clear_thread() -> None:
    """Leave nothing of a request in the thread: the publisher leaves the user and the site."""
    import transaction
    from AccessControl.SecurityManagement import noSecurityManager
    from zope.component.hooks import setSite

    transaction.abort()
    noSecurityManager()
    setSite(None)
