"""Empty databases on real servers, one for each test that asks.

``COSERVER_TEST_DATABASES`` says which kinds: any of sqlite, postgresql, mysql, with commas.
``COSERVER_TEST_POSTGRESQL`` and ``COSERVER_TEST_MYSQL`` say where the servers are. A server that
was asked for and doesn't answer is an error: nothing is skipped.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from coserver_consumer import store
from coserver_consumer.store import manage
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.upgrade import MIGRATIONS, find_revision

SERVERS = {
    "postgresql": "postgresql+psycopg://postgres@127.0.0.1:5432/postgres",
    "mysql": "mysql+pymysql://root@127.0.0.1:3306/mysql",
}

CHARSETS = {
    "postgresql": " ENCODING '{}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    "mysql": " CHARACTER SET {}",
}


def asked_for() -> list[str]:
    """Return the kinds of database the tests run on."""
    kinds = os.environ.get("COSERVER_TEST_DATABASES", "sqlite").split(",")
    unknown = set(kinds) - {"sqlite", *SERVERS}
    if unknown:
        raise ValueError(
            f"COSERVER_TEST_DATABASES names {', '.join(sorted(unknown))}; "
            "it takes sqlite, postgresql, mysql."
        )
    return kinds


DATABASES = asked_for()


def only_on(*kinds: str, fixture: str = "database_url") -> pytest.MarkDecorator:
    """Return the mark of tests of these kinds of database, as far as they are asked for.

    ``fixture`` is the one that yields the URL.
    """
    asked = [kind for kind in DATABASES if kind in kinds]
    return pytest.mark.parametrize(fixture, asked, indirect=True)


@contextmanager
def fresh_database(kind: str, directory: Path, *, charset: str = "") -> Iterator[str]:
    """Yield the URL of an empty database of that kind; it is removed afterwards.

    ``charset`` is the server's name of its character set, if it is to have another than usual.
    """
    if kind == "sqlite":
        yield f"sqlite:///{directory / f'queue-{uuid.uuid4().hex[:8]}.sqlite'}"
        return
    name = f"coserver_test_{uuid.uuid4().hex[:12]}"
    _on_server(kind, f"CREATE DATABASE {name}{CHARSETS[kind].format(charset) if charset else ''}")
    try:
        yield _server(kind).set(database=name).render_as_string(hide_password=False)
    finally:
        _on_server(kind, f"DROP DATABASE {name}" + " WITH (FORCE)" * (kind == "postgresql"))


def _server(kind: str) -> sa.URL:
    address = os.environ.get(f"COSERVER_TEST_{kind.upper()}", SERVERS[kind])
    return sa.make_url(address)


def _on_server(kind: str, statement: str) -> None:
    engine = sa.create_engine(_server(kind), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def copy_database(source: str, target: str) -> None:
    """Make a PostgreSQL database, which is there, a copy of another that nobody has open."""
    names = [sa.make_url(url).database for url in (source, target)]
    _on_server("postgresql", f"DROP DATABASE {names[1]}")
    _on_server("postgresql", f"CREATE DATABASE {names[1]} TEMPLATE {names[0]}")


def upgrade(url: str) -> None:
    """Make this version's tables."""
    engine = store.open_engine(url)
    store.upgrade(engine)
    engine.dispose()


def migrate(engine: sa.Engine, revision: str) -> None:
    """Bring the tables to another revision, newer or older."""
    with engine.begin() as connection:
        configuration = Config()
        configuration.set_main_option("script_location", str(MIGRATIONS))
        configuration.attributes["connection"] = connection
        is_back = (find_revision(connection) or "") > revision
        (command.downgrade if is_back else command.upgrade)(configuration, revision)


def empty(url: str) -> None:
    """Remove all rows, but for the queue that is always there, and the history's partitions."""
    engine = store.open_engine(url)
    with engine.begin() as connection:
        for name in day_partitions(connection):
            connection.exec_driver_sql(f"DROP TABLE {name}")
        for table in tables.metadata.sorted_tables:
            connection.execute(sa.delete(table))
        manage.add_queue(connection, "default")
    engine.dispose()


def day_partitions(connection: sa.Connection) -> list[str]:
    """Return the partitions of the history, but for the default one, the oldest first."""
    if connection.dialect.name != "postgresql":
        return []
    query = "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhrelid"
    query += " WHERE inhparent = 'coserver_history'::regclass"
    query += " AND pg_get_expr(relpartbound, oid) <> 'DEFAULT' ORDER BY 1"
    return list(connection.exec_driver_sql(query).scalars())
