"""The ends of jobs that Zope is told of: written in the transaction in which they happen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import State
from coserver_consumer.model.told_event import TASKS_IN_ZOPE, TOLD_STATES
from coserver_consumer.store.database.family import Family
from coserver_consumer.store.database.statement import Statement, is_one_of, parameter
from coserver_consumer.store.finish.results import cap_error
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.fragments import by_index

NAMES = ["job_id", "queue", "state", "error"]


def note_ends(
    connection: Connection, job_ids: Sequence[str], *, state: State, error: str | None = None
) -> None:
    """Write that these live jobs end now, for those that ran in Zope and if Zope is told of it.

    A row with the id of a job that has ended before, by another program, isn't one of them.
    """
    if state in TOLD_STATES:
        _note.execute(connection, ids=job_ids, state=state.value, error=cap_error(error))


def note_decision(connection: Connection, job_id: str) -> None:
    """Write that a job of the history, which was unknown, is decided to be cancelled."""
    past = tables.history.c
    cancelled = sa.literal(State.CANCELLED.value, sa.String)
    query = sa.select(past.id, past.queue, cancelled, past.error).where(
        past.id == job_id, *_is_in_zope(tables.history)
    )
    connection.execute(_insert(query))


@Statement
def _note(family: Family) -> sa.Executable:
    job = tables.job.c
    added = [parameter(name, type_=tables.event.c[name].type) for name in ("state", "error")]
    has_ended = sa.exists().where(tables.history.c.id == job.id)
    query = sa.select(job.id, job.queue, *added).where(
        is_one_of(family, job.id, "ids"), *_is_in_zope(tables.job), ~has_ended
    )
    return _insert(by_index(family, query))


def _insert(query: sa.Select[Any]) -> sa.Insert:
    return sa.insert(tables.event).from_select(NAMES, query, include_defaults=False)


def _is_in_zope(table: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that a job is signed, and Zope's to run."""
    return [table.c.task.in_(TASKS_IN_ZOPE), table.c.signature.is_not(None)]
