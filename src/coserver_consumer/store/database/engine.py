"""Engines on the three databases, with every timeout set, and transactions that are tried again."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar, assert_never
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.store.database.address import read_address, wrong_option
from coserver_consumer.store.database.connecting import Connecting
from coserver_consumer.store.database.family import Family, find_family, name_family
from coserver_consumer.store.database.faults import is_transient
from coserver_consumer.store.database.forking import leave_to_parent
from coserver_consumer.store.database.pool_check import watch
from coserver_consumer.store.database.redaction import keep_values_out
from coserver_consumer.store.database.sessions import DEFAULTS, Sessions, Timeouts
from coserver_consumer.store.database.sqlite_file import SqliteFile

T = TypeVar("T")

RECYCLE_AFTER_S = 1800
MAX_TRIES = 6
FIRST_PAUSE_S = 0.02  # doubled from try to try, with jitter

_sessions: WeakKeyDictionary[Engine, Sessions] = WeakKeyDictionary()
_preparing = Lock()


def _begin_as_child() -> None:
    """Let a forked process make connections of its own; nobody is left to free a taken lock."""
    global _preparing  # noqa: PLW0603  a lock can't be emptied
    _preparing = Lock()
    for engine in _sessions:
        leave_to_parent(engine)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_begin_as_child)


def open_engine(
    url: str,
    *,
    pool_size: int = 5,
    timeouts: Timeouts = DEFAULTS,
    for_consumer: bool = False,
) -> Engine:
    """Return an engine on ``url``; nothing is connected yet.

    ``for_consumer``: it serves claims and endings, which touch few rows of large tables.
    PostgreSQL's guess from statistics that lag behind is then kept from reading them whole.
    """
    address = read_address(url)
    try:
        engine = sa.create_engine(
            address,
            pool_recycle=RECYCLE_AFTER_S,
            hide_parameters=True,  # they hold arguments and results, and errors are logged
            connect_args=_connect_args(address, timeouts),
            **_pool(address, pool_size, timeouts),
        )
    except ModuleNotFoundError as missing:
        raise ConfigurationError(_driver_message(address, missing)) from missing
    except (ValueError, sa.exc.NoSuchModuleError) as error:
        raise wrong_option(error) from None
    return prepare(engine, timeouts, for_consumer=for_consumer)


def prepare(
    engine: Engine, timeouts: Timeouts | None = None, *, for_consumer: bool = False
) -> Engine:
    """Set up an engine for the store, also one that was made elsewhere; a second call does nothing.

    On SQLite: write-ahead log, full durability, and ``BEGIN IMMEDIATE``. Elsewhere: READ COMMITTED
    with timeouts for locks, statements and answers. Connections that died in the pool are replaced.
    """
    with _preparing:
        if engine not in _sessions:
            _set_up(engine, timeouts or DEFAULTS, for_consumer=for_consumer)
    return engine


def _set_up(engine: Engine, timeouts: Timeouts, *, for_consumer: bool) -> None:
    family = find_family(engine)
    event.listen(engine, "do_connect", Connecting(timeouts).connect)
    sessions = _sessions[engine] = Sessions(family, timeouts, for_consumer=for_consumer)
    event.listen(engine, "connect", sessions.connect)
    watch(engine)
    keep_values_out(engine)
    match family:
        case Family.SQLITE:
            SqliteFile().watch(engine)
            event.listen(engine, "begin", _begin_sqlite)
        case Family.POSTGRESQL:
            event.listen(engine, "begin", sessions.begin)
        case Family.MYSQL:
            pass
        case _:
            assert_never(family)


def write(engine: Engine, work: Callable[[Connection], T], *, in_one: bool = False) -> T:
    """Return what ``work`` returns, in a transaction of its own that is then committed.

    A deadlock, a serialization failure, a busy SQLite or a lost race for a unique key is tried
    again, so ``work`` may be called more than once. ``in_one``: it is one statement, which needs no
    BEGIN and COMMIT around it where they cost a round trip each: on PostgreSQL.
    """
    pause = FIRST_PAUSE_S
    for left in reversed(range(MAX_TRIES)):
        try:
            with _transaction(engine, in_one=in_one) as connection:
                return work(connection)
        except DBAPIError as error:
            if not left or not is_transient(error):
                raise
        time.sleep(pause * (0.5 + random.random()))
        pause *= 2
    raise AssertionError("the last try returned or raised")


def read(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Return what ``work`` returns; it only reads.

    On PostgreSQL each of its statements is a transaction of its own, which saves two round trips:
    with READ COMMITTED each would see what is committed by then anyway.
    """
    options = {"coserver_reads": True, **each_by_itself(engine)}
    with engine.connect().execution_options(**options) as connection:
        return work(connection)


def each_by_itself(engine: Engine) -> dict[str, Any]:
    """Return the options of a connection whose statements are transactions of their own.

    There are none where that saves nothing, on other databases than PostgreSQL: SQLite has no round
    trips to save, and MariaDB's way takes two to be turned on and off. Nor are there behind a
    pooler, where each transaction has to be told how long it may take.
    """
    if find_family(engine) is not Family.POSTGRESQL or is_behind_pooler(engine):
        return {}
    return {"isolation_level": "AUTOCOMMIT"}


def is_behind_pooler(engine: Engine) -> bool:
    """Return True if the engine's connections lead to PgBouncer or its like."""
    sessions = _sessions.get(engine)
    if sessions is None or sessions.family is not Family.POSTGRESQL:
        return False
    if sessions.is_pooled is None:
        engine.connect().close()  # the first one finds out
    return bool(sessions.is_pooled)


@contextmanager
def _transaction(engine: Engine, *, in_one: bool) -> Iterator[Connection]:
    """Yield a connection; what was done on it is committed in the end."""
    options = each_by_itself(engine) if in_one else {}
    if not options:
        with engine.begin() as connection:
            yield connection
    else:
        with engine.connect() as connection:
            yield connection.execution_options(**options)


def _driver_message(address: sa.URL, missing: ModuleNotFoundError) -> str:
    family = _family_of(address)
    if family is Family.SQLITE:  # Python's own needs no package
        how = "install its package, or begin the address with sqlite:"
    else:
        how = f"pip install 'collective.coserver[{family.value}]'"
    return f"The driver for {address.drivername} isn't installed ({missing.name}); {how}."


def _family_of(address: sa.URL) -> Family:
    return name_family(address.get_backend_name())


def _connect_args(address: sa.URL, timeouts: Timeouts) -> dict[str, Any]:
    match family := _family_of(address):
        case Family.POSTGRESQL:
            # The encoding, or text would come as bytes from SQL_ASCII.
            return {"application_name": "coserver", "client_encoding": "utf8"}
        case Family.MYSQL:
            return {"charset": "utf8mb4"}
        case Family.SQLITE:
            return {"timeout": timeouts.lock, "check_same_thread": False}
        case _:
            assert_never(family)


def _pool(address: sa.URL, size: int, timeouts: Timeouts) -> dict[str, Any]:
    is_file = address.database not in (None, "", ":memory:")
    if _family_of(address) is Family.SQLITE and not is_file:
        raise ConfigurationError(
            "A queue in memory would be seen by one process only; give SQLite a file: "
            "sqlite:///path/to/queue.sqlite."
        )
    return {
        "pool_size": size,
        "max_overflow": size,
        "pool_timeout": timeouts.statement,  # so long others keep theirs, if all is stuck
        "pool_use_lifo": True,
    }


def _begin_sqlite(connection: Connection) -> None:
    """Take SQLite's write lock at once: a lock that is upgraded later can't wait for its turn."""
    reads = connection.get_execution_options().get("coserver_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
