"""The ceiling: what the driver alone does with rows like coserver's, in batches of 100.

The tables are coserver's own with ``?tables=coserver`` in the URL. Else they have its columns, but
no more indexes than it takes: the primary keys, and the claim's. One transaction moves a batch to
the history and claims the next one. Nothing is decided, checked, logged or rescued, and there are
no threads.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
import pymysql
import sqlalchemy as sa

from benchmarks.peers.marks import perform
from benchmarks.peers.protocol import Args, main
from coserver_consumer import store
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import MICROSECONDS

BATCH = 100
PAUSE = 0.005  # seconds between two looks at an empty table
SHARED = [column.name for column in tables.history.c if column.name in tables.job.c]
OURS = "?tables=coserver"
READ = "id, queue, task, args, payload, run, attempt, priority, run_at, created_at"
INSERT = " (id, queue, task, args) VALUES (%s, 'default', 'noop', %s)"
CONSUMER = "00000000-0000-4000-8000-000000000000"
CLAIMED = f"state = 'running', run = run + 1, attempt = attempt + 1, consumer = '{CONSUMER}'"


def make_tables() -> sa.MetaData:
    """Return the tables: coserver's columns under other names, with the least of indexes."""
    plain = sa.MetaData()
    for table, name in ((tables.job, "raw_job"), (tables.history, "raw_history")):
        copied = table.to_metadata(plain, name=name)
        copied.indexes.clear()
        copied.dialect_options["postgresql"]["partition_by"] = None
    job = plain.tables["raw_job"].c
    partial = sa.text("state = 'ready'")
    sa.Index(
        "raw_claim",
        *(job.state, job.queue, job.rank, job.id),
        postgresql_where=partial,
        sqlite_where=partial,
    )
    return plain


async def setup(url: str) -> None:
    engine = store.open_engine(url.removesuffix(OURS))
    if url.endswith(OURS):
        store.upgrade(engine)
    else:
        make_tables().create_all(engine)
    engine.dispose()


class Database:
    """A driver's connection, and its SQL."""

    def __init__(self, url: str) -> None:
        address = sa.make_url(url.removesuffix(OURS))
        prefix = "coserver" if url.endswith(OURS) else "raw"
        self.job = f"{prefix}_job"
        self.family = address.get_backend_name()
        self.connection: Any = CONNECT[self.family](address)
        self.begin = {"sqlite": "BEGIN IMMEDIATE", "mysql": "BEGIN"}.get(self.family)
        now = MICROSECONDS[self.family]
        taken = ", ".join(f"'{COMPLETED}'" if name == "state" else name for name in SHARED)
        self.insert = self.spell(f"INSERT INTO {self.job} {INSERT}")
        columns = ", ".join([*SHARED, "ended_at"])
        self.move = f"INSERT INTO {prefix}_history ({columns}) SELECT {taken}, {now} FROM "
        self.pick = (
            f"SELECT id FROM {self.job} WHERE state = 'ready' AND queue = 'default' "
            f"AND run_at <= {now} ORDER BY rank, id LIMIT {BATCH}"
        )
        self.read = ", ".join(f"{self.job}.{name}" for name in READ.split(", "))
        self.claim = f"UPDATE {self.job} SET {CLAIMED}, started_at = {now}"

    def spell(self, statement: str) -> str:
        """Return the statement with this driver's parameters."""
        return statement.replace("%s", "?") if self.family == "sqlite" else statement

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Yield a cursor, and commit."""
        cursor = self.connection.cursor()
        if self.begin:
            cursor.execute(self.begin)
        yield cursor
        self.connection.commit()

    def turn(self, done: list[Any]) -> list[Any]:
        """Move what is done to the history and claim a batch; return its rows."""
        with self.transaction() as cursor:
            return TURNS[self.family](self, cursor, done)


COMPLETED = "completed"


def _turn_postgresql(database: Database, cursor: Any, done: list[Any]) -> list[Any]:
    if done:
        gone = f"DELETE FROM {database.job} WHERE id = ANY(%s) AND state = 'running'"
        cursor.execute(
            f"WITH done AS ({gone} RETURNING {', '.join(SHARED)}) {database.move} done", [done]
        )
    cursor.execute(
        f"WITH picked AS ({database.pick} FOR UPDATE SKIP LOCKED) {database.claim} "
        f"FROM picked WHERE {database.job}.id = picked.id RETURNING {database.read}"
    )
    return list(cursor.fetchall())


def _turn_sqlite(database: Database, cursor: Any, done: list[Any]) -> list[Any]:
    if done:
        these = f"id IN ({', '.join('?' * len(done))}) AND state = 'running'"
        cursor.execute(f"{database.move} {database.job} WHERE {these}", done)
        cursor.execute(f"DELETE FROM {database.job} WHERE {these}", done)
    cursor.execute(f"{database.claim} WHERE id IN ({database.pick}) RETURNING {READ}")
    return list(cursor.fetchall())


def _turn_mysql(database: Database, cursor: Any, done: list[Any]) -> list[Any]:
    if done:
        these = "id IN %s AND state = 'running'"
        cursor.execute(f"{database.move} {database.job} WHERE {these}", [done])
        cursor.execute(f"DELETE FROM {database.job} WHERE {these}", [done])
    cursor.execute(f"{database.pick} FOR UPDATE SKIP LOCKED")
    picked = [row[0] for row in cursor.fetchall()]
    if not picked:
        return []
    cursor.execute(f"{database.claim} WHERE id IN %s", [picked])
    cursor.execute(f"SELECT {READ} FROM {database.job} WHERE id IN %s", [picked])
    return list(cursor.fetchall())


Turn = Callable[[Database, Any, list[Any]], list[Any]]
TURNS: dict[str, Turn] = {
    "postgresql": _turn_postgresql,
    "sqlite": _turn_sqlite,
    "mysql": _turn_mysql,
}


def _connect_postgresql(address: sa.URL) -> Any:
    return psycopg.connect(address.render_as_string(hide_password=False))


def _connect_sqlite(address: sa.URL) -> Any:
    connection = sqlite3.connect(str(address.database), isolation_level=None, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _connect_mysql(address: sa.URL) -> Any:
    connection = pymysql.connect(
        host=address.host or "",
        port=address.port or 3306,
        user=address.username,
        password=address.password or "",
        database=address.database,
    )
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    return connection


CONNECT: dict[str, Callable[[sa.URL], Any]] = {
    "postgresql": _connect_postgresql,
    "sqlite": _connect_sqlite,
    "mysql": _connect_mysql,
}


class Producer:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def add(self, args: Args, priority: int = 0) -> None:
        with self.database.transaction() as cursor:
            cursor.execute(self.database.insert, _to_row(args))

    async def add_many(self, args: Sequence[Args]) -> None:
        rows = [_to_row(each) for each in args]
        with self.database.transaction() as cursor:
            if self.database.family == "postgresql":
                _copy(cursor, self.database.job, rows)
            else:
                cursor.executemany(self.database.insert, rows)


def _copy(cursor: Any, table: str, rows: list[tuple[str, str]]) -> None:
    with cursor.copy(f"COPY {table} (id, queue, task, args) FROM STDIN") as copy:
        for job_id, args in rows:
            copy.write_row((job_id, "default", "noop", args))


def _to_row(args: Args) -> tuple[str, str]:
    return str(uuid.uuid1()), json.dumps(args)


@asynccontextmanager
async def produce(url: str) -> AsyncIterator[Producer]:
    yield Producer(Database(url))


def work(url: str, processes: int) -> None:
    """Claim and finish batch after batch."""
    database = Database(url)
    done: list[Any] = []
    while True:
        rows = database.turn(done)
        for row in rows:
            perform(_from_json(row[3]))
        done = [row[0] for row in rows]
        if not rows:
            time.sleep(PAUSE)


def _from_json(args: Any) -> Args:
    found: Args = args if isinstance(args, dict) else json.loads(args)
    return found


if __name__ == "__main__":
    main(setup=setup, produce=produce, work=work)
