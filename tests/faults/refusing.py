"""Databases that refuse to write, or stand still, for as long as a test wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer import store
from support.databases import fresh_database
from support.line import Line
from support.private_mariadb import private_mariadb
from support.private_postgresql import PrivatePostgresql, private_postgresql
from support.small_disk import filled, only_root_mounts, small_disk
from support.waiting import wait_for

TABLE = "coserver_job"
SQLITE_DISK_MB = 16

Trouble = Callable[[], AbstractContextManager[None]]


@contextmanager
def holding(engine: Engine, *statements: str) -> Iterator[None]:
    """Hold what these statements lock."""
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement).close()
        yield
        connection.rollback()
        connection.invalidate()  # which ends the locks of MariaDB's session


@contextmanager
def read_only(server: PrivatePostgresql) -> Iterator[None]:
    """Let every transaction be one that only reads, as on a server that was demoted."""
    engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT")
    setting = "default_transaction_read_only"
    with engine.connect() as connection:
        for change in (f"SET {setting} = on", f"RESET {setting}"):
            connection.exec_driver_sql(f"ALTER SYSTEM {change}")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
            if change.startswith("SET"):
                yield
    engine.dispose()


@contextmanager
def locked_out(server: PrivatePostgresql) -> Iterator[None]:
    """Let nobody in, and end the sessions there are, as while a password is changed."""
    engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT")
    rules = server.data / "pg_hba.conf"
    before = rules.read_text()
    with engine.connect() as connection:  # which stays in
        rules.write_text("host all all all reject\n")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'queue' AND pid <> pg_backend_pid()"
        )
        yield
        rules.write_text(before)
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()


@contextmanager
def without_room_for_its_log(server: PrivatePostgresql) -> Iterator[None]:
    """Fill the disk of the write-ahead log, of which the server dies, and start it afterwards."""
    with filled(server.log):
        yield
        wait_for(lambda: not server.is_running, what="PostgreSQL to give up")
    server.start()


def open_sqlite(stack: ExitStack, directory: Path, trouble: str) -> tuple[str, Trouble]:
    """Return the address of a file, and what troubles it."""
    if trouble == "a full disk":
        directory = stack.enter_context(small_disk(directory / "disk", megabytes=SQLITE_DISK_MB))
    url = f"sqlite:///{directory / 'queue.sqlite'}"
    engine = store.open_engine(url)
    stack.callback(engine.dispose)
    return url, {
        "another writer": lambda: holding(engine, "SELECT 1"),  # its BEGIN takes the lock
        "a full disk": lambda: filled(directory),
    }[trouble]


def open_postgresql(stack: ExitStack, directory: Path, trouble: str) -> tuple[str, Trouble]:
    """Return the address of a server of the test's own, and what troubles it."""
    small = {"a full disk": "data", "no room for its log": "log"}.get(trouble)
    server = stack.enter_context(private_postgresql(small=small))
    engine = sa.create_engine(server.url)
    stack.callback(engine.dispose)
    return server.url, {
        "a locked table": lambda: holding(engine, f"LOCK TABLE {TABLE}"),
        "read-only": lambda: read_only(server),
        "locked out": lambda: locked_out(server),
        "stands still": server.standing_still,
        "a full disk": lambda: filled(server.data),
        "no room for its log": lambda: without_room_for_its_log(server),
    }[trouble]


def open_mysql(stack: ExitStack, directory: Path, trouble: str) -> tuple[str, Trouble]:
    """Return the address of a database in the common server, and what troubles it."""
    address = sa.make_url(stack.enter_context(fresh_database("mysql", directory)))
    line = Line(address.port or 3306)
    stack.callback(line.close)
    engine = sa.create_engine(address)
    stack.callback(engine.dispose)
    url = address.set(host="127.0.0.1", port=line.port)
    return url.render_as_string(hide_password=False), {
        "a locked table": lambda: holding(engine, f"LOCK TABLES {TABLE} READ"),
        "stands still": line.held,
    }[trouble]


def open_mariadb(stack: ExitStack, directory: Path, trouble: str) -> tuple[str, Trouble]:
    """Return the address of a server of the test's own, as its plain user, and what troubles it."""
    has_small_disk = trouble == "a full disk"
    server = stack.enter_context(private_mariadb(has_small_disk=has_small_disk))
    return server.url, {
        "a full disk": server.full_disk,
        "read-only": server.read_only,
        "another password": server.another_password,
    }[trouble]


Open = Callable[[ExitStack, Path, str], tuple[str, Trouble]]
TROUBLES: dict[str, dict[str, Open]] = {
    "sqlite": {"another writer": open_sqlite, "a full disk": open_sqlite},
    "postgresql": {
        "a locked table": open_postgresql,
        "read-only": open_postgresql,
        "locked out": open_postgresql,
        "stands still": open_postgresql,
        "a full disk": open_postgresql,
        "no room for its log": open_postgresql,
    },
    "mysql": {
        "a locked table": open_mysql,
        "stands still": open_mysql,
        "read-only": open_mariadb,
        "another password": open_mariadb,
        "a full disk": open_mariadb,
    },
}
NEEDS_MOUNT = ("a full disk", "no room for its log")


def cases(databases: Iterable[str]) -> list[Any]:
    """Return a parameter for each trouble: its name, and how the queue that has it is opened."""
    return [
        pytest.param(
            (trouble, open_queue),
            id=f"{kind} {trouble}",
            marks=only_root_mounts if trouble in NEEDS_MOUNT else (),
        )
        for kind in databases
        for trouble, open_queue in TROUBLES[kind].items()
    ]
