"""Edge values of every column, as another program may write them into the tables."""

from __future__ import annotations

import json
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from coserver_consumer.model.job import LIVE, State, new_id
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.types import Bytes, LongText

SOMEBODY = "01980cf2-53a1-7000-8000-0123456789ab"  # a consumer that nobody knows
YEAR_9999 = 253_402_300_799_999_999
NUMBERS = (0, -1, 2**31 - 1, 2 * 10**9, 2**63 - 1, -(2**63))
TIMES = (*NUMBERS, 10**15, YEAR_9999, 1_893_456_000_000_000)
REALS = (0.0, -1.0, 0.5, 1e-300, 1e9, 1e300, float("inf"), float("-inf"), float("nan"))
TEXTS = (
    "",
    " ",
    "a",
    "a ",
    "A",
    ",",
    "a\nb\x1b[31m\x07",
    "\N{GRINNING FACE}" * 10,
    "a\0b",
    "%s {} %(x)s",
    "'; --",
    "x" * 100_000,
)
JSONS = (
    "",
    "null",
    "7",
    '"text"',
    "[]",
    "[1, [2]]",
    "{}",
    '{"base_tid": -1}',
    '{"database": 7, "base_tid": "x"}',
    '{"database": "main", "base_tid": 9223372036854775808}',
    '{"language": 7, "server_url": [], "root": 1, "prefix": {}}',
    '{"a": "\\u0000 \\ud800"}',
    '{"a": 1e999}',
    '{"a": ' + "9" * 5000 + "}",
    "[" * 5000 + "]" * 5000,
    json.dumps({"a": "x" * 70_000}),
    "{broken",
)
IDS = ("", "seven", SOMEBODY, SOMEBODY.upper(), str(uuid.UUID(int=0)), "f" * 36)
BYTES = (b"", b"\0\xff", b"x" * 2_000_000)
BOOLEANS = (True, False)
STATES = (*(state.value for state in State), "", "READY", "ready ", "nonsense")


def edges_of(column: sa.Column[Any]) -> tuple[Any, ...]:
    """Return values at the edges of a column's type and beyond, None among them."""
    if column.name == "state":
        return (*STATES, None)
    if column.name.endswith("_at") or column.name == "run_at":
        return (*TIMES, None)
    return (*_EDGES[type(column.type)], None)


def writable(table: sa.Table) -> list[sa.Column[Any]]:
    """Return the columns of a table that the database doesn't compute itself."""
    return [column for column in table.c if column.computed is None]


_EDGES: dict[type, tuple[Any, ...]] = {
    type(tables.job.c.id.type): IDS,
    type(tables.job.c.args.type): JSONS,
    sa.Integer: NUMBERS,
    sa.BigInteger: NUMBERS,
    sa.Double: REALS,
    sa.String: TEXTS,
    LongText: TEXTS,
    sa.Boolean: BOOLEANS,
    Bytes: BYTES,
}


def whole_row(state: str) -> dict[str, Any]:
    """Return what a row in this state has at least, as another program would write it."""
    row: dict[str, Any] = {"id": new_id(), "task": "test.note", "state": state}
    if state in (State.RUNNING, State.FINISHING):
        row |= {"consumer": SOMEBODY, "run": 1, "attempt": 1, "started_at": 1_700_000_000_000_000}
    if state == State.FINISHING:
        row |= {"evidence": "{}", "voted_at": 1_700_000_000_000_000}
    if state == State.STAGED:
        row |= {"batch": new_id(), "evidence": '{"database": "main", "base_tid": 7}'}
        row |= {"created_at": 1_700_000_000_000_000}
    return row


def insert(connection: Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    """Write a row in plain SQL; return False if the database, or its driver, refuses it."""
    is_postgresql = connection.dialect.name == "postgresql"
    values = ", ".join(
        f"CAST(:{name} AS json)" if is_postgresql and _is_json(table.c[name]) else f":{name}"
        for name in row
    )
    statement = sa.text(f"INSERT INTO {table.name} ({', '.join(row)}) VALUES ({values})")
    try:
        with connection.begin_nested():
            connection.execute(statement, row)
    except (DBAPIError, ValueError, OverflowError):
        return False
    return True


def _is_json(column: sa.Column[Any]) -> bool:
    return column.type is tables.job.c.args.type


def live_states() -> list[str]:
    """Return the states of live jobs, in the order of a job's life."""
    return [state.value for state in State if state in LIVE]
