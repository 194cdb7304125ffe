"""The loops that set right what the dead have left, the real ones, in the tests' own process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import Engine

from collective.coserver.publication.agreement import answer
from coserver_consumer.database import Database
from coserver_consumer.errors import StoreUnavailable
from coserver_consumer.heartbeat import make_heartbeat
from coserver_consumer.loop import Loop
from coserver_consumer.registration import Registration, describe_consumer
from coserver_consumer.rescuer import make_rescuer
from coserver_consumer.resolver import Resolver
from coserver_consumer.rhythm import Rhythm
from coserver_consumer.runs import Runs
from coserver_consumer.scheduler import make_scheduler
from coserver_consumer.settings import Settings
from coserver_consumer.verdict import Question, Verdict
from faults.storages import Storage
from support.addon import use_database

SETTINGS = Settings(database="", heartbeat_every=0.1, dead_after=0.7, max_rescues=1_000_000)


@contextmanager
def keep(engine: Engine, storage: Storage, *, every: float, patience: float = 0) -> Iterator[None]:
    """Run a resolver, a rescuer and a scheduler.

    The resolver asks about what is older than ``patience`` seconds: without any it asks about
    the living all the time, and must not be wrong about them.
    """
    db = storage.open()

    def ask(questions: Sequence[Question]) -> list[Verdict]:
        return answer(questions, {"main": db})

    def wake() -> None:
        pass

    database = Database(engine)
    registration = Registration(database, describe_consumer(SETTINGS, tasks=[]))
    rhythm = Rhythm(SETTINGS)
    resolver = Resolver(database, ask, patience=patience, wake=wake)
    loops = [
        make_heartbeat(database, registration, Runs(), rhythm, every=SETTINGS.heartbeat_every),
        Loop("resolver", every=every, tick=resolver.tick),
        make_rescuer(database, SETTINGS, rhythm, wake=wake),
        make_scheduler(database, wake=wake),
    ]
    registration.register()
    with _zope_on(engine):
        for loop in loops:
            loop.start()
        try:
            yield
        finally:
            for loop in loops:
                loop.stop()
            for loop in loops:
                loop.join(60)
    with suppress(StoreUnavailable):
        registration.unregister()
    with suppress(KeyError):  # ZODB stumbles over connections that broke while they opened
        db.close()


@contextmanager
def _zope_on(engine: Engine) -> Iterator[None]:
    """Let this process be a Zope that uses the queue."""
    url = engine.url.render_as_string(hide_password=False)
    with pytest.MonkeyPatch.context() as environment, use_database(url, environment):
        yield
