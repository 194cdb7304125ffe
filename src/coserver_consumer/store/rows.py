"""Between rows and values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from coserver_consumer.job import Job, State
from coserver_consumer.store import schema

# What a live row moves to the history: all but the generated columns.
KEPT = [column.name for column in schema.history.c if column.name in schema.job.c]
_LIVE = [name for name in Job._fields if name in schema.job.c]  # the first ones of its fields
_NOT_ENDED = [None] * (len(Job._fields) - len(_LIVE))
_STATE, _REQUIRES = Job._fields.index("state"), Job._fields.index("requires")
_STATES = {state.value: state for state in State}  # to call State takes ten times as long


def live_columns() -> list[sa.ColumnElement[Any]]:
    """Return the columns of ``coserver_job`` that a ``Job`` is made of."""
    return [schema.job.c[name] for name in _LIVE]


def history_columns() -> list[sa.ColumnElement[Any]]:
    """Return the columns of ``coserver_history`` that a ``Job`` is made of."""
    return [schema.history.c[name] for name in Job._fields]


def to_job(row: Sequence[Any]) -> Job:
    """Return the job that the values of ``live_columns`` or ``history_columns`` make."""
    values = [*row, *_NOT_ENDED] if len(row) == len(_LIVE) else list(row)
    values[_STATE] = _STATES.get(values[_STATE]) or State(values[_STATE])
    values[_REQUIRES] = split_names(values[_REQUIRES])
    return Job._make(values)


def join_names(names: Iterable[str]) -> str | None:
    """Return names as the column ``requires`` holds them: sorted, once each, with commas."""
    return ",".join(sorted(set(names))) or None


def split_names(text: str | None) -> tuple[str, ...]:
    """Return the names that a column ``requires`` holds, also with spaces around its commas."""
    if not text:
        return ()
    return tuple(name.strip() for name in text.split(",") if name.strip())
