"""What a consumer would find if it claimed now: one question about all its queues."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import State
from coserver_consumer.store.claim.take import BEGINNING, is_behind_mark
from coserver_consumer.store.claim.watermark import Places
from coserver_consumer.store.database.family import Family
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now
from coserver_consumer.store.schema.fragments import by_index, is_state
from coserver_consumer.store.schema.loose_scan import Values
from coserver_consumer.store.schema.rows import split_names

MANY = 50  # queues; a statement about more takes long to plan, and SQLite takes 500 parts


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOutlook:
    """One queue: its rules, and whether jobs wait in it, those with a limit of their own apart."""

    name: str
    is_paused: bool
    max_running: int | None
    rate_number: int | None
    rate_period: float | None
    has_ready: bool
    has_limited: bool

    @property
    def has_any(self) -> bool:
        """True if jobs wait in it, with a limit of their own or without."""
        return self.has_ready or self.has_limited

    @property
    def is_ruled(self) -> bool:
        """True if not every job that is ready may run at once."""
        return self.max_running is not None or self.rate_number is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """All queues, in the order asked for.

    ``requirements`` are the combinations that ready jobs ask for and that the consumer fulfils;
    ``is_due``: the time of a scheduled job has come.
    """

    queues: tuple[QueueOutlook, ...]
    requirements: tuple[str, ...]
    is_due: bool

    @property
    def has_work(self) -> bool:
        """True if a claim may find something."""
        return any(not queue.is_paused and queue.has_any for queue in self.queues)

    @property
    def worth_claiming(self) -> Iterator[QueueOutlook]:
        """The queues that a claim is to look into.

        One that was empty may have got a job since; to look into many for that takes too long.
        """
        is_short = len(self.queues) <= MANY
        return (each for each in self.queues if not each.is_paused and (is_short or each.has_any))


def look(
    connection: Connection,
    queues: Sequence[str],
    *,
    capabilities: Sequence[str] = (),
    places: Places | None = None,
) -> Outlook:
    """Return what the queues hold for a consumer with these capabilities, in these places."""
    if len(queues) <= MANY:
        return _look_at(connection, queues, capabilities, places or Places())
    return _look_at_many(connection, queues, capabilities, places or Places())


def _look_at_many(
    connection: Connection, queues: Sequence[str], capabilities: Sequence[str], places: Places
) -> Outlook:
    """Ask in full about those queues only that have ready jobs, some at a time."""
    rules = _read_rules(connection)
    ready = set(_READY.all(connection))
    asked = [name for name in queues if name in ready] or list(queues[:1])
    looks = [
        _look_at(connection, asked[start : start + MANY], capabilities, places)
        for start in range(0, len(asked), MANY)
    ]
    found = {queue.name: queue for each in looks for queue in each.queues}
    idle = QueueOutlook(
        name="",
        is_paused=False,
        max_running=None,
        rate_number=None,
        rate_period=None,
        has_ready=False,
        has_limited=False,
    )
    return Outlook(
        queues=tuple(
            found.get(name) or rules.get(name) or replace(idle, name=name) for name in queues
        ),
        requirements=looks[0].requirements,
        is_due=looks[0].is_due,
    )


def _read_rules(connection: Connection) -> dict[str, QueueOutlook]:
    """Return the queues by name as they are while nothing waits in them."""
    queue = tables.queue.c
    nothing = [sa.literal(0).label(name) for name in ("has_ready", "has_limited")]
    columns = [queue.name, queue.paused, queue.max_running, queue.rate_number, queue.rate_period]
    rows = connection.execute(sa.select(*columns, *nothing)).all()
    return {row.name: _to_outlook(row, row.name) for row in rows}


def _look_at(
    connection: Connection, queues: Sequence[str], capabilities: Sequence[str], known: Places
) -> Outlook:
    began = time.monotonic()
    values: dict[str, Any] = {}
    starts = [known.of(name).start(began) for name in queues]
    for number, (name, (rank, after)) in enumerate(zip(queues, starts, strict=True)):
        of_queue = {"name": name, "rank": rank, "after": after}
        values |= {f"{key}_{number}": value for key, value in of_queue.items()}
    rows = _question(len(queues)).execute(connection, **values).all()
    took = time.monotonic() - began
    for name, start in zip(queues, starts, strict=True):
        if start == BEGINNING:
            known.of(name).note_search(began, took)
            known.of(name).drop_mark()
    by_number = sorted(rows, key=lambda row: row.number)
    return Outlook(
        queues=tuple(_to_outlook(row, queues[row.number]) for row in by_number),
        requirements=_find_requirements(connection, capabilities) if rows[0].requires else (),
        is_due=bool(rows[0].is_due),
    )


def _to_outlook(row: sa.Row[*tuple[Any, ...]], name: str) -> QueueOutlook:
    return QueueOutlook(
        name=name,
        is_paused=bool(row.paused),
        max_running=row.max_running,
        rate_number=row.rate_number,
        rate_period=row.rate_period,
        has_ready=bool(row.has_ready),
        has_limited=bool(row.has_limited),
    )


@cache
def _question(count: int) -> Statement:
    """Return the statement for so many queues, with a row for each."""
    return Statement(
        lambda family: sa.union_all(*[_about(family, number) for number in range(count)])
    )


def _about(family: Family, number: int) -> sa.Select[Any]:
    name = parameter(f"name_{number}", type_=sa.String)
    one = sa.select(sa.literal_column(str(number)).label("number")).subquery()
    job, queue = tables.job.c, tables.queue.c
    ready = sa.select(job.id).where(is_state(State.READY), job.queue == name, job.run_at <= Now())
    ready = by_index(family, ready, "coserver_job_claim")
    plain = ready.where(job.limit_key == "")
    asks = sa.select(job.id).where(is_state(State.READY), job.requires.is_not(None))
    asks = by_index(family, asks, "coserver_job_requires")
    due = sa.select(job.id).where(is_state(State.SCHEDULED), job.run_at <= Now())
    due = by_index(family, due, "coserver_job_due")
    return sa.select(
        one.c.number,
        queue.paused,
        queue.max_running,
        queue.rate_number,
        queue.rate_period,
        _any(plain.where(is_behind_mark(family, f"_{number}")), job.rank).label("has_ready"),
        _any(ready.where(job.limit_key > ""), job.limit_key).label("has_limited"),
        _any(asks, job.requires).label("requires"),
        _any(due, job.run_at).label("is_due"),
    ).select_from(one.outerjoin(tables.queue, queue.name == name))


def _any(query: sa.Select[Any], first: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return whether there is such a job, looked for in the order of an index.

    For a mere EXISTS, PostgreSQL reads a table in which it expects many such jobs from its
    beginning, where there may be none of them.
    """
    return query.order_by(first).limit(1).scalar_subquery().is_not(None)


def _find_requirements(connection: Connection, capabilities: Sequence[str]) -> tuple[str, ...]:
    asked = _REQUIREMENTS.all(connection)
    return tuple(text for text in asked if set(split_names(text)) <= set(capabilities))


_READY = Values(tables.job.c.queue, "coserver_job_claim", is_state(State.READY))
_REQUIREMENTS = Values(
    tables.job.c.requires,
    "coserver_job_requires",
    is_state(State.READY),
    tables.job.c.requires.is_not(None),
)
