"""The engine on the queue's database: one in each process, opened when it is first needed.

Nothing is connected while Zope starts, and no table is made here: ``coserver init`` does that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import TypeVar
from weakref import WeakSet

from sqlalchemy import Connection, Engine

from collective.coserver.database.saconfig import find_registered_engine
from collective.coserver.database.settings import get_settings
from coserver_consumer import store

T = TypeVar("T")

MAX_CONNECT_TIMEOUT_S = 3.0
MAX_LOCK_TIMEOUT_S = 2.0
MIN_POOL_SIZE = 5  # a consumer with more threads keeps more connections

_opening = Lock()
_checked: WeakSet[Engine] = WeakSet()


def get_engine() -> Engine:
    """Return the engine; its tables were found to be those of this version.

    Raises ``ConfigurationError``, ``StoreUnavailable``, or ``SchemaError`` naming the command
    that makes the tables.
    """
    with _opening:
        registered = find_registered_engine()
        engine = _open_own() if registered is None else _adopt(registered)
    if engine not in _checked:
        store.check_schema(engine)
        _checked.add(engine)
    return engine


def read(work: Callable[[Connection], T]) -> T:
    """Return what ``work`` returns, in a transaction of its own that only reads."""
    engine = get_engine()
    with store.naming_outages(engine):
        return store.read(engine, work)


def read_within(seconds: float, work: Callable[[Connection], T]) -> T:
    """Return as ``read`` does; raise ``TooSlow`` if a statement takes longer than ``seconds``."""
    engine = get_engine()
    with store.naming_outages(engine):
        return store.read_within(engine, seconds, work)


def write(work: Callable[[Connection], T]) -> T:
    """Return what ``work`` returns, in a transaction of its own that is committed at once."""
    engine = get_engine()
    with store.naming_outages(engine):
        return store.write(engine, work)


def _open_own() -> Engine:
    settings = get_settings()
    return _open(settings.database, max(MIN_POOL_SIZE, settings.threads), settings.commit_timeout)


@cache
def _open(url: str, pool_size: int, commit_timeout: float) -> Engine:
    return _discreet(
        store.open_engine(url, pool_size=pool_size, timeouts=_timeouts(commit_timeout))
    )


def _adopt(engine: Engine) -> Engine:
    """Set up an engine of z3c.saconfig."""
    return _discreet(store.prepare(engine, _timeouts(get_settings().commit_timeout)))


def _timeouts(commit_timeout: float) -> store.Timeouts:
    """Return short ones: the vote on jobs waits for the database and has the ZODB's commit lock."""
    return store.Timeouts(
        connect=min(MAX_CONNECT_TIMEOUT_S, commit_timeout),
        lock=min(MAX_LOCK_TIMEOUT_S, commit_timeout),
        statement=commit_timeout,
    )


def _discreet(engine: Engine) -> Engine:
    """Keep payloads and arguments of jobs out of error messages."""
    engine.hide_parameters = True
    return engine
