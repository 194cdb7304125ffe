"""Between rows and values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from coserver_consumer.job import Job, State
from coserver_consumer.store import schema

# What a live row moves to the history: all but the generated columns.
KEPT = [column.name for column in schema.history.c if column.name in schema.job.c]
_FIELDS = [item.name for item in fields(Job)]


def live_columns() -> list[sa.ColumnElement[Any]]:
    """Return the columns of ``coserver_job`` that a ``Job`` is made of."""
    return [schema.job.c[name] for name in _FIELDS if name in schema.job.c]


def history_columns() -> list[sa.ColumnElement[Any]]:
    """Return the columns of ``coserver_history`` that a ``Job`` is made of."""
    return [schema.history.c[name] for name in _FIELDS]


def to_job(row: Mapping[Any, Any]) -> Job:
    """Return the job that a row of ``live_columns`` or ``history_columns`` holds."""
    values = dict(row)
    values["state"] = State(values["state"])
    values["requires"] = split_names(values["requires"])
    return Job(**values)


def join_names(names: Iterable[str]) -> str | None:
    """Return names as the column ``requires`` holds them: sorted, once each, with commas."""
    return ",".join(sorted(set(names))) or None


def split_names(text: str | None) -> tuple[str, ...]:
    """Return the names that a column ``requires`` holds."""
    return tuple(text.split(",")) if text else ()
