"""The loops that set right what the dead have left, the real ones, in the tests' own process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import Engine
from ZODB import DB

from collective.coserver.publication.agreement import answer
from coserver_consumer.errors import StoreUnavailable
from coserver_consumer.maintenance.heartbeat import make_heartbeat
from coserver_consumer.maintenance.heartbeat_health import HeartbeatHealth
from coserver_consumer.maintenance.rescuer import make_rescuer
from coserver_consumer.maintenance.resolver import Resolver
from coserver_consumer.maintenance.scheduler import make_scheduler
from coserver_consumer.model.indoubt import Decision, Question
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.loop import Loop
from coserver_consumer.runtime.registration import Registration, describe_consumer
from coserver_consumer.settings.settings import Settings
from coserver_consumer.worker.inflight import InFlight
from faults.storages import Storage
from support.addon import use_database

SETTINGS = Settings(database="", heartbeat_every=0.1, dead_after=0.7, max_rescues=1_000_000)


@contextmanager
def resolve(engine: Engine, storage: Storage, *, every: float, older_than: float) -> Iterator[None]:
    """Run a resolver alone; see ``keep``."""
    db = storage.open()
    loop = _make_resolver(Database(engine), db, every=every, older_than=older_than)
    with _zope_on(engine), _running([loop]):
        yield
    db.close()


@contextmanager
def keep(
    engine: Engine, storage: Storage, *, every: float, older_than: float = 0
) -> Iterator[None]:
    """Run a resolver, a rescuer and a scheduler.

    The resolver asks about what is older than ``older_than`` seconds: without any it asks about
    the living all the time, and must not be wrong about them.
    """
    database, db = Database(engine), storage.open()
    registration = Registration(database, describe_consumer(SETTINGS, tasks=[]))
    health = HeartbeatHealth(SETTINGS)
    loops = [
        make_heartbeat(database, registration, InFlight(), health, every=SETTINGS.heartbeat_every),
        _make_resolver(database, db, every=every, older_than=older_than),
        make_rescuer(database, SETTINGS, health, wake=_wake),
        make_scheduler(database, wake=_wake),
    ]
    registration.register()
    with _zope_on(engine), _running(loops):
        yield
    with suppress(StoreUnavailable):
        registration.unregister()
    with suppress(KeyError):  # ZODB stumbles over connections that broke while they opened
        db.close()


def _make_resolver(database: Database, db: DB, *, every: float, older_than: float) -> Loop:
    def ask(questions: Sequence[Question]) -> list[Decision]:
        return answer(questions, {"main": db})

    resolver = Resolver(database, ask, older_than=older_than, wake=_wake)
    return Loop("resolver", every=every, tick=resolver.tick)


def _wake() -> None:
    """Nobody here waits for jobs."""


@contextmanager
def _running(loops: Sequence[Loop]) -> Iterator[None]:
    for loop in loops:
        loop.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.stop()
        for loop in loops:
            loop.join(60)


@contextmanager
def _zope_on(engine: Engine) -> Iterator[None]:
    """Let this process be a Zope that uses the queue."""
    url = engine.url.render_as_string(hide_password=False)
    with pytest.MonkeyPatch.context() as environment, use_database(url, environment):
        yield
