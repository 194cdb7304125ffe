"""Runs the jobs of Zope's queue in the thread that calls it, one after another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection

from collective.coserver.database import engine
from collective.coserver.database.settings import get_settings
from collective.coserver.inline.tasks import REGISTRY, TASKS
from collective.coserver.services.events.telling import tell
from coserver_consumer.inline.lease import JOIN_TIMEOUT_S, leased
from coserver_consumer.inline.worker import Choice, InlineWorker
from coserver_consumer.maintenance.rescuer import make_rescuer
from coserver_consumer.maintenance.teller import Teller
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import WAITING
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.registration import Registration, describe_consumer
from coserver_consumer.store import manage
from coserver_consumer.worker.run import EndedRun

MAX_WAITING = 1000  # jobs that are looked at, for what they require


class InlineRunner:
    """Claims jobs and runs them through Zope's publisher, as a consumer's thread does."""

    def __init__(self) -> None:
        settings, self._database = get_settings(), Database(engine.get_engine())
        info = replace(describe_consumer(settings, list(TASKS)), queues=(), threads=1)
        self._registration = Registration(self._database, info)
        self._worker = InlineWorker(
            self._database, REGISTRY, settings, find_id=lambda: self._registration.id
        )

    @contextmanager
    def leased(self, *, wake: Callable[[], None]) -> Iterator[None]:
        """Be a consumer that others leave its jobs, and take back what dead ones had.

        It names no queue, for such as do are left theirs. ``wake`` is called when there are jobs
        that were taken back.
        """
        settings = get_settings()
        with leased(self._database, self._registration, self._worker.in_flight, settings) as health:
            rescuer = make_rescuer(self._database, settings, health, wake=wake)
            rescuer.start()
            try:
                yield
            finally:
                rescuer.stop()
                rescuer.join(JOIN_TIMEOUT_S)

    def waiting(self) -> list[Job]:
        """Return the jobs that are committed and haven't run yet, the oldest first."""
        return engine.read(_find_waiting)

    def find_foreign(self, *, but: Collection[str] = ()) -> set[str]:
        """Return the tasks of ready jobs, but of these queues, that Zope doesn't run."""
        ready = [job for job in self.waiting() if job.state is State.READY]
        return {job.task for job in ready if job.queue not in but and job.task not in TASKS}

    def run_next(
        self, *, find_served: Callable[[Connection], Collection[str]] = lambda _: ()
    ) -> EndedRun | None:
        """Run the next job, but of the queues that are served; return as what it has ended.

        None if none is ready. It is run whatever it requires of a consumer.
        """

        def choose(connection: Connection) -> Choice:
            served = find_served(connection)
            required = {name for job in _find_waiting(connection) for name in job.requires}
            return Choice(
                queues=[name for name in manage.queues(connection) if name not in served],
                tasks=list(TASKS),
                capabilities=sorted(required),
            )

        return self._worker.run_next(choose)

    def tell_events(self, *, but: Collection[str] = ()) -> bool:
        """Tell how jobs have ended where Zope didn't see it, but of these queues.

        Return True if there may be more.
        """
        queues = [name for name in engine.read(manage.queues) if name not in but]
        teller = Teller(engine, [(queues, tell)], lease=get_settings().dead_after)
        return teller.tick() is not None


def _find_waiting(connection: Connection) -> list[Job]:
    return manage.find(connection, states=WAITING, limit=MAX_WAITING)[::-1]
