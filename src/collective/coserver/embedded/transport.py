"""The transport that runs jobs in a Zope of this process, which opens the ZODB itself.

A plugin of the consumer; it imports Zope once it is asked to start it.
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
from coserver_consumer.model.indoubt import Question, Verdict
from coserver_consumer.model.job import Job
from coserver_consumer.model.outcome import NotTried, Obstacle, Outcome
from coserver_consumer.protocol.answer import understand
from coserver_consumer.protocol.markers import IN_PROCESS
from coserver_consumer.protocol.reply import Reply
from coserver_consumer.protocol.request import Target
from coserver_consumer.protocol.request_reply import make_request
from coserver_consumer.protocol.run_state import RunState
from coserver_consumer.protocol.unmarked_reply import is_marked
from coserver_consumer.protocol.wsgi import Application, ask, make_environ
from coserver_consumer.runtime.logs import zope_logs
from coserver_consumer.settings.settings import Settings

PAUSE = 0.5  # seconds between two tries to begin a job whose earlier run is still at work
UNREADABLE = NotTried(obstacle=Obstacle.ZODB, reason="The ZODB can't be read; Zope's log says why.")


class ZodbTransport:
    """Starts Zope once, in ``open``; then every thread may send jobs."""

    def __init__(self, settings: Settings, zope_conf: Path) -> None:
        self._settings = settings
        self._zope_conf = zope_conf
        self._opening = Lock()
        self._application: Application | None = None
        self.trouble: str | None = None  # why no job can run here now, as a sentence

    def open(self) -> None:
        """Start Zope, which takes about ten seconds with Plone; a second call is nothing.

        Raises ``ConfigurationError`` for a zope.conf that can't be used, ``ZopeUnavailable``
        while its ZODB can't be opened, and ``StartAgain`` if another Zope filled an empty ZODB
        at the same moment: both want to put the same first objects there.
        """
        with self._opening:
            if self._application is None:
                self._application = _start(self._settings, self._zope_conf)

    def send(self, job: Job, request: Job) -> Outcome:
        """Have Zope publish the job's request in this thread; return what its answer means.

        Zope is handed the job as it was claimed, whatever its request looks like.
        """
        self.open()
        target = make_request(request)
        while True:
            reply = self._publish(target, job)
            outcome = understand(job, reply) if _is_of_run(reply, job) else UNREADABLE
            if isinstance(outcome, NotTried) and outcome.obstacle is Obstacle.AT_WORK:
                time.sleep(PAUSE)  # another thread of this process is at an earlier run
                continue
            return outcome

    def _publish(self, target: Target, job: Job) -> Reply:
        url = self._settings.zope_url[0]
        environ = make_environ(target, server_url=url) | {IN_PROCESS: job}
        try:
            return ask(self._published, environ, max_body=self._settings.max_result)
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

    def ask(self, questions: Sequence[Question]) -> list[Verdict]:
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
                f"The ZODB doesn't answer ({type(error).__name__}: {error}); jobs of requests that "
                "died are decided when it does."
            ) from error

    def _ask(self, questions: Sequence[Question]) -> list[Verdict]:
        import Zope2

        from collective.coserver.publication.agreement import answer

        return answer(questions, Zope2.DB.databases)

    @property
    def _published(self) -> Application:
        if self._application is None:
            raise ZopeUnavailable("Zope has to be opened before jobs can be sent to it.")
        return self._application


def _is_of_run(reply: Reply, job: Job) -> bool:
    """Return False if Zope didn't come so far that it knew of the run: its ZODB can't be read."""
    from collective.coserver.publication.inflight import runs

    return is_marked(reply, job.key) or runs.state(job.key) is not RunState.UNKNOWN


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
    """Keep one connection for each thread and one for the resolver, and so their caches."""
    import Zope2

    for database in Zope2.DB.databases.values():
        database.setPoolSize(threads + 1)


def _clear_thread() -> None:
    """Leave nothing of a request in the thread; the publisher leaves the user and the site."""
    import transaction
    from AccessControl.SecurityManagement import noSecurityManager
    from zope.component.hooks import setSite

    transaction.abort()
    noSecurityManager()
    setSite(None)
