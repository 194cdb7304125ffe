"""Jobs by what people say of them: lists of them, and how many there are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import Job, State
from coserver_consumer.store.manage.short_ids import to_id
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND
from coserver_consumer.store.schema.fragments import look_once, pages
from coserver_consumer.store.schema.rows import (
    history_columns,
    to_any_job,
    to_state,
)

GAP = "…"  # in an error that is looked for: any text
ESCAPE = "/"
DAY_US = 86_400 * SECOND
MILLISECOND_US = SECOND // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs are wanted; an empty field lets all through.

    ``text`` is looked for in titles, tasks and ids, each of ``titles`` in what a job is called, and
    ``error`` in what went wrong, where ``…`` stands for any text. ``id_part``: hexadecimal digits
    with which the id begins or ends. ``before`` is the id of the last job of the page before.
    ``since``: queued then or later, ``until``: queued then or earlier, ``ended_since``: ended then
    or later, in microseconds since the epoch. ``is_tried``: of the scheduled ones only those that
    had an attempt, or only those that had none. ``min_rescues``: failed after so many deaths of
    their consumers.
    """

    ids: Sequence[str] = ()
    states: Collection[State] = ()
    queues: Sequence[str] = ()
    tasks: Sequence[str] = ()
    owner: str | None = None
    site: str | None = None
    text: str | None = None
    titles: Sequence[str] = ()
    error: str | None = None
    id_part: str | None = None
    is_tried: bool | None = None
    before: str | None = None
    since: int | None = None
    until: int | None = None
    ended_since: int | None = None
    min_rescues: int | None = None

    def tables(self) -> Iterator[sa.Table]:
        """Yield the tables that may have such jobs; the history first, which has more columns."""
        kinds = {state.is_live for state in self.states} or {True, False}
        if False in kinds:
            yield tables.history
        if True in kinds and self.ended_since is None:
            yield tables.job

    def conditions(self, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        """Return what holds for the wanted rows of a table."""
        column = table.c
        found: list[sa.ColumnElement[bool] | None] = [
            *self._is_in_state(table),
            column.id.in_(self.ids) if self.ids else None,
            column.queue.in_(self.queues) if self.queues else None,
            column.task.in_(self.tasks) if self.tasks else None,
            None if self.owner is None else column.owner == self.owner,
            None if self.site is None else column.site == self.site,
            _contains(table, self.text) if self.text else None,
            *[_is_called(table, word) for word in self.titles],
            _failed_with(table, self.error) if self.error else None,
            _has_id_like(table, self.id_part) if self.id_part else None,
            None if self.is_tried is None else _was_tried(table, is_tried=self.is_tried),
            None if self.before is None else column.id < self.before,
            None if self.since is None else _was_made(table, self.since),
            None if self.until is None else _was_made_by(table, self.until),
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
    rows = _find_newest(connection, Filter(**wanted), Job._fields, limit)
    return sorted(map(to_any_job, rows), key=lambda job: job.id, reverse=True)[:limit]


def find_ids(connection: Connection, *, limit: int, **wanted: Any) -> list[str]:
    """Return the ids of what ``find`` would return, without the jobs' arguments and payloads."""
    rows = _find_newest(connection, Filter(**wanted), ["id"], limit)
    return sorted((row.id for row in rows), reverse=True)[:limit]


def _find_newest(
    connection: Connection, which: Filter, names: Sequence[str], limit: int
) -> Sequence[Any]:
    """Return these columns of the newest jobs of each table; what a live one lacks is None."""
    parts = []
    for table in which.tables():
        columns = [table.c[name] for name in names if name in table.c]
        query = sa.select(*columns).where(*which.conditions(table))
        newest = query.order_by(table.c.id.desc()).limit(limit).subquery().c
        parts.append(sa.select(*[newest.get(name, sa.null().label(name)) for name in names]))
    return look_once(connection, parts)


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
    parts = [
        sa.select(*grouped, sa.func.count()).where(*which.conditions(table)).group_by(*grouped)
        for table in which.tables()
        for grouped in [(table.c.state, table.c.queue, table.c.task)]
    ]
    rows = look_once(connection, parts)
    return sorted(Count(State(row[0]), *row[1:]) for row in rows)


class Tally(NamedTuple):
    """How many jobs there are in each state; of those that are told apart by ``is_tried``.

    ``is_whole``: by whether they are live, False if there are more than were looked at.
    """

    numbers: Mapping[tuple[State, bool], int]
    is_whole: Mapping[bool, bool]


def count_newest(connection: Connection, *, most: int, **wanted: Any) -> Tally:
    """Return how many such jobs are in each state, of the newest ``most`` of their site or owner.

    So that it costs the same however many there are. A state is counted with whether its jobs had
    an attempt.
    """
    which = Filter(**wanted)
    numbers: Counter[tuple[State, bool]] = Counter()
    seen: Counter[bool] = Counter()
    parts = [_newest(table, which, most) for table in which.tables()]
    for state, is_tried, number, is_wanted, is_live in look_once(connection, parts):
        seen[bool(is_live)] += number
        if is_wanted:
            numbers[to_state(state), bool(is_tried)] += number
    return Tally(numbers, {is_live: seen[is_live] < most for is_live in (True, False)})


def _newest(table: sa.Table, which: Filter, most: int) -> sa.Select[Any]:
    """Return the question how many of the newest jobs are in each state, the wanted and others."""
    column = table.c
    mine = Filter(site=which.site, owner=which.owner).conditions(table)
    conditions = which.conditions(table)
    is_wanted = sa.case((sa.and_(sa.true(), *conditions), 1), else_=0).label("is_wanted")
    is_tried = sa.case((column.attempt > 0, 1), else_=0).label("is_tried")
    parts = sa.select(column.state, is_tried, is_wanted).where(*mine)
    newest = parts.order_by(column.id.desc()).limit(most).subquery().c
    grouped = (newest.state, newest.is_tried, newest.is_wanted)
    is_live = sa.literal_column("1" if table is tables.job else "0", sa.Integer).label("is_live")
    counted = sa.select(newest.state, newest.is_tried, sa.func.count(), newest.is_wanted, is_live)
    return counted.group_by(*grouped)


def _was_made(table: sa.Table, since: int) -> sa.ColumnElement[bool]:
    """Look at ids as well, which have an index and begin with the time of whoever made them.

    That one's clock may be wrong by up to a day.
    """
    lowest = to_id(_digits(since - DAY_US), filler="0")
    return sa.and_(table.c.id >= lowest, table.c.created_at >= since)


def _was_made_by(table: sa.Table, until: int) -> sa.ColumnElement[bool]:
    highest = to_id(_digits(until + DAY_US), filler="f")
    return sa.and_(table.c.id <= highest, table.c.created_at <= until)


def _digits(microseconds: int) -> str:
    """Return the digits with which an id begins that was made at this time."""
    return f"{max(microseconds, 0) // MILLISECOND_US:012x}"


def _is_poisoned(table: sa.Table, rescues: int) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.state == State.FAILED.value, table.c.rescues >= rescues)


def _contains(table: sa.Table, text: str) -> sa.ColumnElement[bool]:
    columns = [table.c.title, table.c.task, sa.cast(table.c.id, sa.String)]
    return sa.or_(*[column.icontains(text, autoescape=True) for column in columns])


def _is_called(table: sa.Table, word: str) -> sa.ColumnElement[bool]:
    return sa.func.coalesce(table.c.title, table.c.task).icontains(word, autoescape=True)


def _was_tried(table: sa.Table, *, is_tried: bool) -> sa.ColumnElement[bool]:
    tried = table.c.attempt > 0 if is_tried else table.c.attempt == 0
    return sa.or_(table.c.state != State.SCHEDULED.value, tried)


def _has_id_like(table: sa.Table, digits: str) -> sa.ColumnElement[bool]:
    end = to_id(digits, filler=" ", is_end=True).lstrip(" -")
    begins = table.c.id.between(to_id(digits, filler="0"), to_id(digits, filler="f"))
    return sa.or_(begins, sa.cast(table.c.id, sa.String(36)).like(f"%{end}"))


def _failed_with(table: sa.Table, text: str) -> sa.ColumnElement[bool]:
    """Return the condition that this text is in a job's error, or a live one's last error.

    ``text`` may have gaps, written ``…``.
    """
    pattern = f"%{'%'.join(map(_escape_like, text.split(GAP)))}%"
    if table is tables.history:
        return table.c.error.ilike(pattern, escape=ESCAPE)
    error = tables.error.c
    matching = sa.select(sa.func.count()).where(
        error.job_id == table.c.id, error.error.ilike(pattern, escape=ESCAPE)
    )
    # Counted: of EXISTS, MariaDB makes a join that reads the errors of all jobs.
    return sa.and_(table.c.attempt > 0, matching.correlate(table).scalar_subquery() > 0)


def _escape_like(text: str) -> str:
    """Return the text as a pattern that nothing else is like."""
    return re.sub(r"([%_/])", rf"{ESCAPE}\1", text)
