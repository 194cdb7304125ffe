"""Empty databases on real servers, and an empty Redis.

``COSERVER_BENCH_POSTGRESQL`` and ``COSERVER_BENCH_MYSQL`` say where the servers are, the local ones
unless set. Redis is started here, with its own defaults, since it can't be told apart whose keys
are whose.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import sqlalchemy as sa

from coserver_consumer import store
from demo import ports, ready
from demo.processes import Process

POSTGRESQL = os.environ.get(
    "COSERVER_BENCH_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
)
MYSQL = os.environ.get("COSERVER_BENCH_MYSQL", "mysql+pymysql://root@127.0.0.1:3306/mysql")


@contextmanager
def postgresql(name: str) -> Iterator[str]:
    """Yield the URL of a database with this version's tables; it is removed afterwards."""
    with empty_postgresql(name) as url:
        engine = store.open_engine(url)
        store.upgrade(engine)
        engine.dispose()
        yield url.replace("postgresql:", "postgresql+psycopg:")


@contextmanager
def empty_postgresql(name: str) -> Iterator[str]:
    """Yield the URL of a database without tables; it is removed afterwards."""
    name = _unused(name)
    _on_server(POSTGRESQL, f"CREATE DATABASE {name}")
    try:
        yield _address(POSTGRESQL, "postgresql", name)
    finally:
        _on_server(POSTGRESQL, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def empty_mysql(name: str) -> Iterator[str]:
    """Yield the URL of a database without tables; it is removed afterwards."""
    name = _unused(name)
    _on_server(MYSQL, f"CREATE DATABASE {name}")
    try:
        yield _address(MYSQL, "mysql", name)
    finally:
        _on_server(MYSQL, f"DROP DATABASE {name}")


@contextmanager
def empty_sqlite(name: str) -> Iterator[str]:
    """Yield the URL of a database file that isn't there yet; it is removed afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        yield f"sqlite:///{directory}/{name}.sqlite"


@contextmanager
def empty_redis(name: str) -> Iterator[str]:
    """Yield the URL of a Redis with its own defaults; it is stopped afterwards."""
    port = ports.free_port()
    with tempfile.TemporaryDirectory() as directory:
        server = Process(
            "redis",
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", directory],
            log=Path(directory) / "redis.log",
            ready=ready.port_answers(port),
        )
        server.start()
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.stop()


EMPTY: dict[str, Callable[[str], AbstractContextManager[str]]] = {
    "PostgreSQL": empty_postgresql,
    "SQLite": empty_sqlite,
    "MariaDB": empty_mysql,
    "Redis": empty_redis,
}


def _unused(name: str) -> str:
    """Return the name of a database that no other run of the benchmarks uses."""
    return f"coserver_bench_{name[:30]}_{uuid.uuid4().hex[:8]}"


def _address(server: str, scheme: str, name: str) -> str:
    """Return the URL as every program understands it, without SQLAlchemy's name of the driver."""
    url = sa.make_url(server).set(drivername=scheme, database=name)
    return url.render_as_string(hide_password=False)


def _on_server(server: str, statement: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
