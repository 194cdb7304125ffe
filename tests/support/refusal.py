"""Databases that refuse to take what a job has come to, as long as a test wants it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import Engine, event

HISTORY = "coserver_history"  # a job's ending is written there
PRAGMAS = {
    "full": ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1073741823"),
    "read-only": ("PRAGMA query_only = on", "PRAGMA query_only = off"),
}


@contextmanager
def refused_endings(engine: Engine, code: str | int) -> Iterator[None]:
    """Have the server say ``code`` to every ending; ``code`` is an SQLSTATE or a number.

    SQLite has no such codes: it is ``full`` or ``read-only``, on every connection of the engine.
    """
    with {"postgresql": _in_postgresql, "sqlite": _in_sqlite}.get(engine.dialect.name, _in_mysql)(
        engine, code
    ):
        yield


@contextmanager
def _in_postgresql(engine: Engine, code: str | int) -> Iterator[None]:
    _run(
        engine,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" RAISE EXCEPTION 'refused' USING ERRCODE = '{code}', DETAIL = 'hush'; END $$",
        f"CREATE TRIGGER refusal BEFORE INSERT ON {HISTORY} FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    try:
        yield
    finally:
        _run(engine, f"DROP TRIGGER refusal ON {HISTORY}", "DROP FUNCTION refuse()")


@contextmanager
def _in_mysql(engine: Engine, code: str | int) -> Iterator[None]:
    _run(
        engine,
        f"CREATE TRIGGER refusal BEFORE INSERT ON {HISTORY} FOR EACH ROW"
        f" SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'refused'",
    )
    try:
        yield
    finally:
        _run(engine, "DROP TRIGGER refusal")


@contextmanager
def _in_sqlite(engine: Engine, code: str | int) -> Iterator[None]:
    refuse, allow = PRAGMAS[str(code)]
    now = [refuse]

    def set_up(connection, record, proxy):
        connection.execute(now[0]).fetchall()

    _give_back_free_pages(engine)
    event.listen(engine, "checkout", set_up)
    yield
    now[:] = [allow]


def _give_back_free_pages(engine: Engine) -> None:
    """Let the file have none to spare: those that other tests have left would be filled first."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("VACUUM")
    finally:
        connection.close()


def _run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SET LOCAL lock_timeout = '30s'"))
        for statement in statements:
            connection.exec_driver_sql(statement)
