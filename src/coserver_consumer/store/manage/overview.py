"""How a site's jobs stand, of the newest of them: what waits in each queue, what has ended lately.

Only the newest are looked at, so that it costs the same however many there are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import State
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.rows import to_state

ERROR_CHARS = 500  # of an error that is looked at


class Live(NamedTuple):
    """How many live jobs a queue has in a state; ``oldest``: when the first of them was due."""

    queue: str
    state: State
    is_tried: bool
    number: int
    oldest: int


class Ended(NamedTuple):
    """How many jobs of a task have ended in a queue in a state, also since later, and the last."""

    queue: str
    task: str
    state: State
    number: int
    lately: int
    last: int


class Failure(NamedTuple):
    """A job that has failed: its task, the beginning of its error, and when it ended."""

    task: str
    error: str
    at: int


def count_live(connection: Connection, *, site: str | None, most: int) -> list[Live]:
    """Return how the newest ``most`` live jobs of a site stand."""
    job = tables.job.c
    is_tried = sa.case((job.attempt > 0, 1), else_=0).label("is_tried")
    newest = _newest(tables.job, site, most, job.queue, job.state, is_tried, job.run_at).c
    parts = (newest.queue, newest.state, newest.is_tried)
    query = sa.select(*parts, sa.func.count(), sa.func.min(newest.run_at)).group_by(*parts)
    return [
        Live(queue, to_state(state), bool(tried), number, oldest)
        for queue, state, tried, number, oldest in connection.execute(query)
    ]


def count_ended(
    connection: Connection, *, site: str | None, since: int, lately: int, most: int
) -> list[Ended]:
    """Return how many of the newest ``most`` jobs of a site have ended since then, and lately."""
    past = tables.history.c
    columns = (past.queue, past.task, past.state, past.ended_at)
    newest = _newest(tables.history, site, most, *columns).c
    parts = (newest.queue, newest.task, newest.state)
    is_late = sa.case((newest.ended_at >= lately, 1), else_=0)
    numbers = (sa.func.count(), sa.func.sum(is_late), sa.func.max(newest.ended_at))
    query = sa.select(*parts, *numbers).where(newest.ended_at >= since).group_by(*parts)
    return [
        Ended(queue, task, to_state(state), number, int(late), last)
        for queue, task, state, number, late, last in connection.execute(query)
    ]


def failures(connection: Connection, *, site: str | None, since: int, most: int) -> list[Failure]:
    """Return those of the newest ``most`` jobs of a site that have failed since then."""
    past = tables.history.c
    error = sa.func.substr(sa.func.coalesce(past.error, ""), 1, ERROR_CHARS).label("error")
    newest = _newest(tables.history, site, most, past.task, past.state, past.ended_at, error).c
    query = sa.select(newest.task, newest.error, newest.ended_at).where(
        newest.state == State.FAILED.value, newest.ended_at >= since
    )
    return [Failure(*row) for row in connection.execute(query)]


def _newest(
    table: sa.Table, site: str | None, most: int, *columns: sa.ColumnElement[Any]
) -> sa.Subquery:
    """Return the newest rows of a site, which an index has in this order."""
    query = sa.select(*columns).where(table.c.site == site).order_by(table.c.id.desc())
    return query.limit(most).subquery()
