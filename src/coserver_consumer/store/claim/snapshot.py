"""What a consumer would find if it claimed now: one question about all its queues."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import State
from coserver_consumer.store.claim.take import BEGINNING, Position, is_behind
from coserver_consumer.store.claim.watermark import Search
from coserver_consumer.store.database.family import Family
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now
from coserver_consumer.store.schema.fragments import by_index, is_state, may_still_begin
from coserver_consumer.store.schema.loose_scan import READY_QUEUES, LooseIndexScan
from coserver_consumer.store.schema.rows import split_names

QUEUES_PER_STATEMENT = 50  # more take long to plan, and SQLite takes 500 parts


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSnapshot:
    """One queue: its rules, and whether jobs wait in it, with a concurrency key or without."""

    name: str
    is_paused: bool = False
    max_running: int | None = None
    rate_number: int | None = None
    rate_period: float | None = None
    has_keyless: bool = False
    has_keyed: bool = False

    @property
    def has_ready(self) -> bool:
        """True if jobs wait in it, with a concurrency key or without."""
        return self.has_keyless or self.has_keyed

    @property
    def is_ruled(self) -> bool:
        """True if not every job that is ready may run at once."""
        return self.max_running is not None or self.rate_number is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All queues, in the order asked for.

    ``requirements`` are the combinations that ready jobs ask for and that the consumer fulfils.
    ``is_due``: the time of a scheduled job has come. ``searches`` are the searches for jobs without
    a concurrency key, by the names of those queues that were searched.
    """

    queues: tuple[QueueSnapshot, ...]
    requirements: tuple[str, ...]
    is_due: bool
    searches: Mapping[str, Search]

    @property
    def has_work(self) -> bool:
        """True if a claim may find something."""
        return any(not queue.is_paused and queue.has_ready for queue in self.queues)

    @property
    def worth_claiming(self) -> Iterator[QueueSnapshot]:
        """The queues that a claim is to look into.

        One that was empty may have got a job since; looking into many for that takes too long.
        """
        are_few = len(self.queues) <= QUEUES_PER_STATEMENT
        return (each for each in self.queues if not each.is_paused and (are_few or each.has_ready))


def read_snapshot(
    connection: Connection,
    queues: Sequence[str],
    *,
    capabilities: Sequence[str] = (),
    starts: Mapping[str, Position] | None = None,
) -> Snapshot:
    """Return what the queues hold for a consumer with these capabilities.

    ``starts`` are the positions, by queue, behind which to search for jobs without a concurrency
    key; a queue without one is searched from its beginning.
    """
    if len(queues) <= QUEUES_PER_STATEMENT:
        return _read_some(connection, queues, capabilities, starts or {})
    return _read_many(connection, queues, capabilities, starts or {})


def _read_many(
    connection: Connection,
    queues: Sequence[str],
    capabilities: Sequence[str],
    starts: Mapping[str, Position],
) -> Snapshot:
    """Ask in full about those queues only that have ready jobs, some at a time."""
    rules = _read_rules(connection)
    ready = set(READY_QUEUES.all(connection))
    asked = [name for name in queues if name in ready] or list(queues[:1])
    parts = [
        _read_some(connection, asked[first : first + QUEUES_PER_STATEMENT], capabilities, starts)
        for first in range(0, len(asked), QUEUES_PER_STATEMENT)
    ]
    found = rules | {queue.name: queue for part in parts for queue in part.queues}
    return Snapshot(
        queues=tuple(found.get(name) or QueueSnapshot(name=name) for name in queues),
        requirements=parts[0].requirements,
        is_due=parts[0].is_due,
        searches={name: search for part in parts for name, search in part.searches.items()},
    )


def _read_rules(connection: Connection) -> dict[str, QueueSnapshot]:
    """Return the queues by name as they are while nothing waits in them."""
    queue = tables.queue.c
    nothing = [sa.literal(0).label(name) for name in ("has_keyless", "has_keyed")]
    rows = connection.execute(sa.select(queue.name, *_rules(), *nothing)).all()
    return {row.name: _to_queue(row, row.name) for row in rows}


def _read_some(
    connection: Connection,
    queues: Sequence[str],
    capabilities: Sequence[str],
    starts: Mapping[str, Position],
) -> Snapshot:
    began = time.monotonic()
    values = _spread(queues, starts)
    rows: Sequence[sa.Row[Any]] = _probe(len(queues)).execute(connection, **values).all()
    took = time.monotonic() - began
    rows = sorted(rows, key=lambda row: row.number)
    return Snapshot(
        queues=tuple(_to_queue(row, queues[row.number]) for row in rows),
        requirements=_find_requirements(connection, capabilities) if rows[0].requires else (),
        is_due=bool(rows[0].is_due),
        searches={
            name: Search(start=starts.get(name, BEGINNING), began=began, took=took)
            for name in queues
        },
    )


def _spread(queues: Sequence[str], starts: Mapping[str, Position]) -> dict[str, Any]:
    """Return the parameters of the statement about these queues."""
    values: dict[str, Any] = {}
    for number, name in enumerate(queues):
        rank, job_id = starts.get(name, BEGINNING)
        values |= {f"name_{number}": name, f"rank_{number}": rank, f"after_{number}": job_id}
    return values


def _to_queue(row: sa.Row[*tuple[Any, ...]], name: str) -> QueueSnapshot:
    return QueueSnapshot(
        name=name,
        is_paused=bool(row.paused),
        max_running=row.max_running,
        rate_number=row.rate_number,
        rate_period=row.rate_period,
        has_keyless=bool(row.has_keyless),
        has_keyed=bool(row.has_keyed),
    )


@cache
def _probe(count: int) -> Statement:
    """Return the statement for so many queues: a row for each, the first with what holds for all.

    SQLite would ask that for each queue again if it stood around the union of the queues.
    """

    def build(family: Family) -> sa.CompoundSelect[Any]:
        first = _probe_queue(family, 0, *_probe_all(family))
        unasked = [sa.null(), sa.null()]
        return sa.union_all(
            first, *[_probe_queue(family, number, *unasked) for number in range(1, count)]
        )

    return Statement(build)


def _probe_all(family: Family) -> list[sa.ColumnElement[bool]]:
    """Return whether a ready job asks for capabilities, and whether a scheduled one is due."""
    job = tables.job.c
    asking = sa.select(job.id).where(is_state(State.READY), job.requires.is_not(None))
    due = sa.select(job.id).where(is_state(State.SCHEDULED), job.run_at <= Now())
    return [
        _any(by_index(family, asking, "coserver_job_requires"), job.requires),
        _any(by_index(family, due, "coserver_job_due"), job.run_at),
    ]


def _probe_queue(
    family: Family, number: int, requires: sa.ColumnElement[Any], is_due: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    """Return the query for the rules of a queue and whether jobs wait in it."""
    name = parameter(f"name_{number}", type_=sa.String)
    one = sa.select(sa.literal_column(str(number)).label("number")).subquery()
    job = tables.job.c
    ready = sa.select(job.id).where(
        is_state(State.READY), job.queue == name, job.run_at <= Now(), may_still_begin()
    )
    ready = by_index(family, ready, "coserver_job_claim")
    keyless = ready.where(job.concurrency_key == "", is_behind(family, f"_{number}"))
    return sa.select(
        one.c.number,
        *_rules(),
        _any(keyless, job.rank).label("has_keyless"),
        _any(ready.where(job.concurrency_key > ""), job.concurrency_key).label("has_keyed"),
        requires.label("requires"),
        is_due.label("is_due"),
    ).select_from(one.outerjoin(tables.queue, tables.queue.c.name == name))


def _rules() -> list[sa.ColumnElement[Any]]:
    queue = tables.queue.c
    return [queue.paused, queue.max_running, queue.rate_number, queue.rate_period]


def _any(query: sa.Select[Any], first: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return whether there is such a job, looked for in the order of an index.

    For a mere EXISTS, PostgreSQL reads a table in which it expects many such jobs from its
    beginning, where there may be none of them.
    """
    return query.order_by(first).limit(1).scalar_subquery().is_not(None)


def _find_requirements(connection: Connection, capabilities: Sequence[str]) -> tuple[str, ...]:
    asked = _REQUIREMENTS.all(connection)
    return tuple(text for text in asked if set(split_names(text)) <= set(capabilities))


_REQUIREMENTS = LooseIndexScan(
    tables.job.c.requires,
    "coserver_job_requires",
    is_state(State.READY),
    tables.job.c.requires.is_not(None),
)
