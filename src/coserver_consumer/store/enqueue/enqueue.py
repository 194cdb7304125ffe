"""New jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.exception_text import brief
from coserver_consumer.model.job import Job, NewJob, State, is_id
from coserver_consumer.model.options import check_numbers
from coserver_consumer.model.texts import is_storable, make_line
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.enqueue.dependencies import attach
from coserver_consumer.store.enqueue.unique_keys import insert_keyed
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.rows import join_names

MAX_PAYLOAD = 1_048_576  # bytes
MOST_ESCAPED = 12  # bytes of JSON for a character as Python shows it, at most: an emoji
MOST_NESTED = 100  # lists and mappings in each other
INSERT = sa.insert(tables.job)
PAGE = 1000  # rows in one statement
MOST_NAMED = 10  # jobs that a message names
_ENCODE = json.JSONEncoder(allow_nan=False).encode  # json.dumps would make one each time
JSON_COLUMNS = frozenset({"args", "origin", "evidence"})
AS_TEXT = JSON_COLUMNS | {"payload"}
LIMITS = {
    name: tables.job.c[name].type.length  # type: ignore[attr-defined]
    for name in (
        "queue",
        "task",
        "owner",
        "site",
        "title",
        "unique_key",
        "concurrency_key",
        "requires",
    )
}


def add(connection: Connection, job: NewJob, *, max_payload: int = MAX_PAYLOAD) -> str:
    """Queue one job and return its id; a live job that holds its unique key is returned instead."""
    return add_many(connection, [job], max_payload=max_payload)[0]


def is_one_statement(jobs: Sequence[NewJob]) -> bool:
    """Return True if ``add_many`` adds them in one statement, which needs no transaction."""
    return len(jobs) == 1 and all(job.may_begin and job.unique_key is None for job in jobs)


def add_many(
    connection: Connection, jobs: Iterable[NewJob], *, max_payload: int = MAX_PAYLOAD
) -> list[str]:
    """Queue jobs and return their ids in the same order, as ``add`` does for one.

    A job comes behind those of them that it waits for. Raises ``InvalidJob``.
    """
    new = list(jobs)
    rows = _to_rows(connection, new, max_payload)
    _insert(connection, [row for row in rows if row["unique_key"] is None])
    ids = [
        row["id"] if row["unique_key"] is None else insert_keyed(connection, row) for row in rows
    ]
    attach(connection, new, {job.id: made for job, made in zip(new, ids, strict=True)})
    return ids


def stage(
    connection: Connection,
    jobs: Iterable[NewJob],
    *,
    batch: str,
    evidence: dict[str, Any],
    max_payload: int = MAX_PAYLOAD,
) -> None:
    """Write jobs that exist only once their transaction has committed; ``promote`` says so.

    ``batch`` (a UUID) is the transaction's; ``evidence`` tells the resolver where to look for it.
    A staged job doesn't hold its unique key yet.
    """
    new = list(jobs)
    rows = _to_rows(connection, new, max_payload)
    told = {"state": State.STAGED.value, "batch": batch, "evidence": evidence}
    _insert(connection, [{**row, **told} for row in rows])
    attach(connection, new, {job.id: job.id for job in new})


def _insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that hold no unique key; raise ``InvalidJob`` if one of them is there already."""
    try:
        _insert_all(connection, rows)
    except IntegrityError:
        ids = [row["id"] for row in rows]
        named = ", ".join(ids[:MOST_NAMED]) + (", ..." if len(ids) > MOST_NAMED else "")
        raise InvalidJob(
            f"A job can be queued once, and {'this' if len(ids) == 1 else 'one of these'} was "
            f"queued before: {named}. Make another one."
        ) from None  # it has the statement's values


def _insert_all(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows in as few statements as the database allows."""
    if len(rows) == 1:
        connection.execute(INSERT, rows[0])
    elif find_family(connection) is Family.POSTGRESQL:
        for start in range(0, len(rows), PAGE):
            page = [_spell(row) for row in rows[start : start + PAGE]]
            _insert_as_json(tuple(page[0])).execute(connection, rows=json.dumps(page))
    elif rows:
        connection.execute(INSERT, rows)


def _spell(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row as JSON has it.

    What is JSON itself goes as text in it: PostgreSQL's functions read a row, and they refuse the
    escapes of a NUL and of a lone surrogate, which its type keeps to the letter.
    """
    payload = row["payload"]
    told = {name: _spell_json(row[name]) for name in row.keys() & JSON_COLUMNS}
    return row | told | {"payload": None if payload is None else payload.hex()}


def _spell_json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


@cache
def _insert_as_json(names: tuple[str, ...]) -> Statement:
    """Return the statement that inserts a list of rows with these columns, which is one value.

    As many parameters as cells take the driver ten times as long as PostgreSQL takes for the rows.
    """

    def build(_family: Family) -> sa.Executable:
        columns = [sa.column(name, _type_in_json(name)) for name in names]
        rows = sa.func.json_to_recordset(sa.cast(parameter("rows", type_=sa.Text), postgresql.JSON))
        found = rows.table_valued(*columns).render_derived(name="told", with_types=True)
        values = [_read(found.c[name], name) for name in names]
        return sa.insert(tables.job).from_select(names, sa.select(*values), include_defaults=False)

    return Statement(build)


def _read(told: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[Any]:
    """Return the column's value for what ``_spell`` has made of it."""
    if name in JSON_COLUMNS:
        return sa.cast(told, postgresql.JSON)
    return sa.func.decode(told, "hex") if name == "payload" else told


def _type_in_json(name: str) -> Any:
    return sa.Text() if name in AS_TEXT else tables.job.c[name].type


def _to_rows(connection: Connection, jobs: list[NewJob], max_payload: int) -> list[dict[str, Any]]:
    """Return the rows of jobs, all with the same columns.

    The database's defaults say "at once": only when a job is for later must its clock be asked.
    """
    for job in jobs:
        check_job(job, max_payload=max_payload)
    parents = {parent for job in jobs for parent in job.after}
    rows = [_to_row(job, is_parent=job.id in parents) for job in jobs]
    if any(job.run_at is not None or job.delay > 0 for job in jobs):
        now: int = connection.execute(sa.select(Now())).scalar_one()
        rows = [row | _due(job, now) for row, job in zip(rows, jobs, strict=True)]
    elif parents:
        rows = [
            row | {"state": _waiting_or(State.READY, job)}
            for row, job in zip(rows, jobs, strict=True)
        ]
    return rows


def _to_row(job: NewJob, *, is_parent: bool) -> dict[str, Any]:
    return {
        "id": job.id,
        "queue": job.queue,
        "priority": job.priority,
        "max_attempts": job.max_attempts,
        "timeout": job.timeout,
        "task": job.task,
        "args": job.args,
        "payload": job.payload,
        "owner": job.owner,
        "site": job.site,
        "origin": job.origin,
        "title": job.title,
        "unique_key": job.unique_key,
        "unique_for": job.unique_for,
        "concurrency_key": job.concurrency_key,
        "requires": join_names(job.requires),
        "signature": job.signature,
        "waits_for": len(set(job.after)),
        "only_if_failed": job.only_if_failed,
        "is_parent": is_parent,
    }


def _due(job: NewJob, now: int) -> dict[str, Any]:
    run_at = job.run_at if job.run_at is not None else now + round(max(0, job.delay) * SECOND)
    state = State.SCHEDULED if run_at > now else State.READY
    return {"run_at": run_at, "state": _waiting_or(state, job)}


def _waiting_or(state: State, job: NewJob) -> str:
    return (State.BLOCKED if job.after else state).value


def check_job(job: NewJob, *, max_payload: int = MAX_PAYLOAD) -> None:
    """Raise ``InvalidJob`` for what the database would refuse, or cut, less clearly."""
    if not job.task:
        raise InvalidJob("A job needs the name of a task.")
    check_numbers(job)
    _check_relations(job)
    _check_names(job)
    check_size(job, max_payload=max_payload)


def _check_relations(job: NewJob) -> None:
    if job.unique_for is not None and (job.unique_key is None or job.unique_for < 0):
        raise InvalidJob("unique_for is in seconds, 0 or more, and goes with a unique key.")
    if job.unique_key == "":
        raise InvalidJob("unique_key is empty: give a key, or None for a job that has none.")
    if job.only_if_failed and not (job.after and job.accepts_failure):
        raise InvalidJob("only_if_failed is for a job that comes after others and accepts failure.")
    for parent in job.after:
        if not is_id(parent):
            raise InvalidJob(f"{brief(parent)} isn't the id of a job, so none can come after it.")


def _check_names(job: NewJob) -> None:
    texts: dict[str, str | None] = {
        "queue": job.queue,
        "task": job.task,
        "owner": job.owner,
        "site": job.site,
        "title": job.title,
        "unique_key": job.unique_key,
        "concurrency_key": job.concurrency_key,
        "requires": join_names(job.requires),
    }
    for name, text in texts.items():
        if text is None:
            continue
        if len(text) > LIMITS[name]:
            raise InvalidJob(
                f"{name} has {len(text)} characters; the limit is {LIMITS[name]}: "
                f"{make_line(text, 40)}"
            )
        if not is_storable(text):
            what = "NUL" if "\0" in text else "lone surrogate"
            raise InvalidJob(f"{name} has a {what}, a character that not every database can hold.")


def check_size_of_row(job: Job, *, max_payload: int = MAX_PAYLOAD) -> None:
    """Do as ``check_size`` for what has been JSON: most of it is so short that this is plain."""
    shown = len(repr(job.args)) + len(repr(job.origin)) + len(job.payload or b"")
    if shown * MOST_ESCAPED > max_payload:
        check_size(job, max_payload=max_payload)


def check_size(job: NewJob | Job, *, max_payload: int = MAX_PAYLOAD) -> None:
    """Raise ``InvalidJob`` if arguments and payload together have more bytes than that."""
    size = len(_to_json(job)) + len(job.payload or b"")
    if size > max_payload:
        raise InvalidJob(
            f"The arguments and payload of job '{job.title or job.task}' have {size} bytes; the "
            f"limit is {max_payload}, the setting max_payload. Pass the path or UID of what holds "
            "the data instead."
        )


def _to_json(job: NewJob | Job) -> str:
    try:
        text = _ENCODE([job.args, job.origin])
    except (TypeError, ValueError) as error:
        raise InvalidJob(
            f"The arguments of job '{job.title or job.task}' aren't JSON: {error}. "
            "Pass text, numbers, true, false, null, lists and mappings of these."
        ) from error
    except RecursionError:
        raise _too_deep(job) from None
    if text.count("[") + text.count("{") > MOST_NESTED and _depth(job.args) > MOST_NESTED:
        raise _too_deep(job)
    return text


def _too_deep(job: NewJob | Job) -> InvalidJob:
    return InvalidJob(
        f"The arguments of job '{job.title or job.task}' are nested more than {MOST_NESTED} deep. "
        "Pass them flatter, or as text."
    )


def _depth(value: Any) -> int:
    """Return how many lists and mappings are in each other."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list | tuple)]:
        depth += 1
        level = [
            item for each in level for item in (each.values() if isinstance(each, dict) else each)
        ]
    return depth
