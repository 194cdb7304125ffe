"""Between rows and values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from coserver_consumer.model.job import Job, State
from coserver_consumer.store.schema import tables

# What a live row moves to the history: all but the generated columns.
KEPT = [column.name for column in tables.history.c if column.name in tables.job.c]
_LIVE = [name for name in Job._fields if name in tables.job.c]  # the first ones of its fields
_NOT_ENDED = [None] * (len(Job._fields) - len(_LIVE))
_STATE, _REQUIRES = Job._fields.index("state"), Job._fields.index("requires")
# Of each field whose type isn't JSON: its types, and what stands for a value of another one.
_KINDS: dict[str, tuple[tuple[type, ...], Any]] = {
    **dict.fromkeys(("priority", "run_at", "run", "attempt", "rescues"), ((int,), 0)),
    **dict.fromkeys(("waits_for", "failed_parents", "created_at"), ((int,), 0)),
    **dict.fromkeys(("started_at", "deadline_at", "cancel_at", "tid"), ((int,), None)),
    **dict.fromkeys(("max_attempts", "expires_at", "ended_at"), ((int,), None)),
    **dict.fromkeys(("unique_for", "timeout", "progress"), ((int, float), None)),
    **dict.fromkeys(("queue", "task", "concurrency_key"), ((str,), "")),
    **dict.fromkeys(("owner", "site", "title", "unique_key", "signature"), ((str,), None)),
    **dict.fromkeys(("consumer", "progress_text", "batch", "error"), ((str,), None)),
    "payload": ((bytes,), None),
}
_STATES = {state.value: state for state in State}  # to call State takes ten times as long


def live_columns() -> list[sa.ColumnElement[Any]]:
    """Return the columns of ``coserver_job`` that a ``Job`` is made of."""
    return [tables.job.c[name] for name in _LIVE]


def history_columns() -> list[sa.ColumnElement[Any]]:
    """Return the columns of ``coserver_history`` that a ``Job`` is made of."""
    return [tables.history.c[name] for name in Job._fields]


def to_job(row: Sequence[Any]) -> Job:
    """Return the job that the values of ``live_columns`` or ``history_columns`` make."""
    values = [*row, *_NOT_ENDED] if len(row) == len(_LIVE) else list(row)
    values[_STATE] = to_state(values[_STATE])
    values[_REQUIRES] = split_names(values[_REQUIRES])
    return Job._make(values)


def to_state(text: str) -> State:
    """Return the state that a row is in; unknown, if some other program has made one up."""
    return _STATES.get(text, State.UNKNOWN)


def to_any_job(row: Sequence[Any]) -> Job:
    """Do as ``to_job`` for a row that any program may have written, also in the history.

    A value of another type than its column's, which SQLite takes, is left out.
    """
    job = to_job(row)
    wrong = {
        name: default
        for name, (kinds, default) in _KINDS.items()
        if not isinstance(value := getattr(job, name), kinds) and value is not default
    }
    return job._replace(**wrong) if wrong else job


def join_names(names: Iterable[str]) -> str | None:
    """Return names as the column ``requires`` holds them: sorted, once each, with commas."""
    return ",".join(sorted(set(names))) or None


def split_names(text: str | None) -> tuple[str, ...]:
    """Return the names that a column ``requires`` holds, also with spaces around its commas."""
    if not text or not isinstance(text, str):
        return ()
    return tuple(name.strip() for name in text.split(",") if name.strip())
