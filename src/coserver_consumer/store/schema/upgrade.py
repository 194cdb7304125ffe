"""Makes the tables, brings them up to date, and checks that they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import assert_never

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from coserver_consumer.model.errors import SchemaError
from coserver_consumer.store.database.address import show_address
from coserver_consumer.store.database.advisory_lock import UPGRADE, hold
from coserver_consumer.store.database.connecting import without_deadline
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.faults import is_outage
from coserver_consumer.store.database.outage import name_outage
from coserver_consumer.store.schema.tables import REVISION, VERSION_TABLE

MIGRATIONS = Path(__file__).parent / "migrations"
ENCODING = "UTF8"

Revisions = tuple[str | None, str]


def upgrade(engine: Engine) -> Revisions:
    """Make the tables or bring them up to date; return the revisions before and after.

    Several processes may do so at once: they wait for each other. A large table takes as long as it
    takes.
    """
    try:
        with engine.begin() as connection, _without_limits(connection), _upgrade_lock(connection):
            check_encoding(connection)
            before = find_revision(connection)
            _refuse_newer(engine, before)
            if before != REVISION:
                _migrate(connection)
            return before, REVISION
    except DBAPIError as error:
        raise _unavailable(engine, error) from error


def check_schema(engine: Engine) -> None:
    """Raise ``SchemaError`` unless the tables are those of this version of the code."""
    try:
        with engine.connect() as connection:
            found = find_revision(connection)
    except DBAPIError as error:
        raise _unavailable(engine, error) from error
    if found is None:
        raise SchemaError(
            f"{show_address(engine)} has no tables of coserver yet; run `coserver init`."
        )
    _refuse_newer(engine, found)
    if found != REVISION:
        raise SchemaError(
            f"The tables in {show_address(engine)} are of revision {found}, this version of "
            f"coserver needs {REVISION}; run `coserver upgrade`."
        )


def _refuse_newer(engine: Engine, found: str | None) -> None:
    """Raise ``SchemaError`` if a newer version of coserver has made the tables."""
    if found is not None and found > REVISION:
        raise SchemaError(
            f"The tables in {show_address(engine)} are of revision {found}, which is newer than "
            f"this version of coserver ({REVISION}): install the version that made them."
        )


def check_encoding(connection: Connection) -> None:
    """Raise ``SchemaError`` for a database of PostgreSQL that can't hold every character.

    On MariaDB and MySQL the tables have a character set of their own.
    """
    if find_family(connection) is not Family.POSTGRESQL:
        return
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != ENCODING:
        name = connection.engine.url.database
        raise SchemaError(
            f"The database {name} has the encoding {encoding}, in which not every text of a job "
            f"can be written; coserver needs one with {ENCODING}: "
            f"CREATE DATABASE ... ENCODING '{ENCODING}' TEMPLATE template0."
        )


def find_revision(connection: Connection) -> str | None:
    """Return the revision of the tables, None if there are none."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    version = sa.table(VERSION_TABLE, sa.column("version_num", sa.String))
    return connection.execute(sa.select(version.c.version_num)).scalar()


def _migrate(connection: Connection) -> None:
    from alembic import command  # 12 MB that only these two commands need
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


@contextmanager
def _without_limits(connection: Connection) -> Iterator[None]:
    """Let statements take longer than those of jobs may."""
    with without_deadline(connection), _without_timeout(connection):
        yield


@contextmanager
def _without_timeout(connection: Connection) -> Iterator[None]:
    """Let the server take its time."""
    match family := find_family(connection):
        case Family.SQLITE:
            yield
        case Family.POSTGRESQL:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{UPGRADE.timeout_s}s'")
            yield
        case Family.MYSQL:
            limits = {"lock_wait_timeout": UPGRADE.timeout_s}
            if getattr(connection.dialect, "is_mariadb", False):
                limits["max_statement_time"] = 0
            with _set_for_session(connection, limits):
                yield
        case _:
            assert_never(family)


@contextmanager
def _set_for_session(connection: Connection, limits: Mapping[str, float]) -> Iterator[None]:
    """Have these limits, and those from before afterwards: the connection goes to a pool."""
    before = {
        name: connection.exec_driver_sql(f"SELECT @@SESSION.{name}").scalar_one() for name in limits
    }
    for name, limit in limits.items():
        connection.exec_driver_sql(f"SET SESSION {name} = {limit}")
    try:
        yield
    finally:
        for name, limit in before.items():
            connection.exec_driver_sql(f"SET SESSION {name} = {limit}")


@contextmanager
def _upgrade_lock(connection: Connection) -> Iterator[None]:
    """Keep other upgrades out. SQLite needs nothing: its transaction is exclusive already."""
    with hold(connection, UPGRADE) as is_held:
        if not is_held:
            raise SchemaError(
                f"Another process has been upgrading this database for {UPGRADE.timeout_s} s; "
                "try again when it is done."
            )
        yield


def _unavailable(engine: Engine, error: DBAPIError) -> Exception:
    return name_outage(engine, error) if is_outage(error) else error
