"""Jobs by what people say of them: lists of them, and how many there are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import Job, State
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND
from coserver_consumer.store.schema.fragments import pages
from coserver_consumer.store.schema.rows import (
    history_columns,
    live_columns,
    to_any_job,
    to_state,
)

DAY_US = 86_400 * SECOND
MILLISECOND_US = SECOND // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs are wanted; an empty field lets all through.

    ``text`` is looked for in titles, tasks and ids; ``before`` is the id of the last job of the
    page before. ``since``: queued then or later, ``ended_since``: ended then or later, both in
    microseconds since the epoch. ``min_rescues``: failed after so many deaths of their consumers.
    """

    states: Collection[State] = ()
    queues: Sequence[str] = ()
    tasks: Sequence[str] = ()
    owner: str | None = None
    site: str | None = None
    text: str | None = None
    before: str | None = None
    since: int | None = None
    ended_since: int | None = None
    min_rescues: int | None = None

    def tables(self) -> Iterator[sa.Table]:
        """Yield the tables that may have such jobs."""
        kinds = {state.is_live for state in self.states} or {True, False}
        if True in kinds and self.ended_since is None:
            yield tables.job
        if False in kinds:
            yield tables.history

    def conditions(self, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        """Return what holds for the wanted rows of a table."""
        column = table.c
        found: list[sa.ColumnElement[bool] | None] = [
            *self._is_in_state(table),
            column.queue.in_(self.queues) if self.queues else None,
            column.task.in_(self.tasks) if self.tasks else None,
            None if self.owner is None else column.owner == self.owner,
            None if self.site is None else column.site == self.site,
            _contains(table, self.text) if self.text else None,
            None if self.before is None else column.id < self.before,
            None if self.since is None else _was_made(table, self.since),
            None if self.ended_since is None else column.ended_at >= self.ended_since,
            None if self.min_rescues is None else _is_poisoned(table, self.min_rescues),
        ]
        return [condition for condition in found if condition is not None]

    def _is_in_state(self, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        """Return conditions, and that an index has what is asked for: SQLite doesn't see it.

        The jobs of a site or an owner have indexes of their own.
        """
        if not self.states:
            return []
        wanted = table.c.state.in_([state.value for state in self.states])
        if table is tables.job or State.COMPLETED in self.states or self.site or self.owner:
            return [wanted]
        return [wanted, table.c.state != sa.literal_column(f"'{State.COMPLETED.value}'")]


class Count(NamedTuple):
    """How many jobs of one task a queue has in a state."""

    state: State
    queue: str
    task: str
    number: int


def find(connection: Connection, *, limit: int = 50, **wanted: Any) -> list[Job]:
    """Return up to ``limit`` jobs, live and ended, the newest first; see ``Filter``."""
    which = Filter(**wanted)
    rows: list[Job] = []
    for table in which.tables():
        columns = live_columns() if table is tables.job else history_columns()
        query = sa.select(*columns).where(*which.conditions(table))
        newest = query.order_by(table.c.id.desc()).limit(limit)
        rows += [to_any_job(row) for row in connection.execute(newest)]
    return sorted(rows, key=lambda job: job.id, reverse=True)[:limit]


def find_ids(connection: Connection, *, limit: int, **wanted: Any) -> list[str]:
    """Return the ids of what ``find`` would return, without the jobs' arguments and payloads."""
    which = Filter(**wanted)
    found: list[str] = []
    for table in which.tables():
        query = sa.select(table.c.id).where(*which.conditions(table))
        found += connection.execute(query.order_by(table.c.id.desc()).limit(limit)).scalars()
    return sorted(found, reverse=True)[:limit]


def find_live(connection: Connection, job_ids: Collection[str]) -> dict[str, State]:
    """Return the states of those of the jobs that are live."""
    job = tables.job.c
    found: dict[str, State] = {}
    for page in pages(job_ids):
        query = sa.select(job.id, job.state).where(job.id.in_(page))
        found |= {job_id: to_state(state) for job_id, state in connection.execute(query)}
    return found


def find_ended(connection: Connection, job_ids: Collection[str]) -> dict[str, Job]:
    """Return those of the jobs that have ended, by id."""
    ended = tables.history.c
    found: dict[str, Job] = {}
    for page in pages(job_ids):
        query = sa.select(*history_columns()).where(ended.id.in_(page))
        found |= {job.id: job for job in map(to_any_job, connection.execute(query))}
    return found


def count(connection: Connection, **wanted: Any) -> list[Count]:
    """Return how many such jobs there are, live and ended, by state, queue and task."""
    which = Filter(**wanted)
    found: list[Count] = []
    for table in which.tables():
        parts = (table.c.state, table.c.queue, table.c.task)
        query = sa.select(*parts, sa.func.count()).where(*which.conditions(table)).group_by(*parts)
        for state, queue, task, number in connection.execute(query):
            found.append(Count(State(state), queue, task, number))
    return sorted(found)


def _was_made(table: sa.Table, since: int) -> sa.ColumnElement[bool]:
    """Look at ids as well, which have an index and begin with the time of whoever made them.

    That one's clock may be wrong by up to a day.
    """
    first = f"{max(since - DAY_US, 0) // MILLISECOND_US:012x}"
    lowest = f"{first[:8]}-{first[8:]}-0000-0000-000000000000"
    return sa.and_(table.c.id >= lowest, table.c.created_at >= since)


def _is_poisoned(table: sa.Table, rescues: int) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.state == State.FAILED.value, table.c.rescues >= rescues)


def _contains(table: sa.Table, text: str) -> sa.ColumnElement[bool]:
    columns = [table.c.title, table.c.task, sa.cast(table.c.id, sa.String)]
    return sa.or_(*[column.icontains(text, autoescape=True) for column in columns])
