"""Changes of many jobs, page by page.

Each page is a transaction. A job that can't be changed keeps no other from being changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from coserver_consumer import store
from coserver_consumer.model.errors import CoserverError
from coserver_consumer.model.job import State
from coserver_consumer.producer import transactions
from coserver_consumer.producer.notifier import find_notifier
from coserver_consumer.store import manage

PAGE_SIZE = 200  # jobs that are changed in one transaction

Act = Callable[[Connection, str], object]
"""Changes the job of an id; raises ``CoserverError`` before it has changed anything."""


class Done(NamedTuple):
    """What came of one job: what ``Act`` returned, or why it wasn't changed."""

    job_id: str
    answer: object = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A job that wasn't changed, and the reason."""

    job_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What came of many jobs: how many were changed, and which weren't."""

    changed: int
    refused: tuple[Refusal, ...] = ()


def change_all(engine: Engine, wanted: dict[str, Any], act: Act) -> Iterator[Done]:
    """Change the jobs that are wanted, the newest first; yield what came of each.

    No job is met twice, whatever state it is in afterwards. A job that is queued meanwhile is left
    alone.
    """
    before = wanted.get("before")
    while page := _find_page(engine, wanted | {"before": before}):
        yield from _change_page(engine, page, act)
        before = page[-1]


def sum_up(done: Iterable[Done]) -> Changes:
    """Return what came of the jobs together."""
    changed, refused = 0, []
    for each in done:
        if each.refusal is None:
            changed += 1
        else:
            refused.append(Refusal(job_id=each.job_id, reason=each.refusal))
    return Changes(changed=changed, refused=tuple(refused))


def notify_of_moved(engine: Engine, done: Iterable[Done], queue: str) -> Iterator[Done]:
    """Hand on what came of jobs that were to be moved; at the end call the queue's consumers."""
    may_begin = False
    for each in done:
        may_begin = may_begin or each.answer is State.READY
        yield each
    if may_begin:
        find_notifier(engine).notify([queue])


def _find_page(engine: Engine, wanted: dict[str, Any]) -> list[str]:
    return transactions.read(
        engine, lambda connection: manage.find_ids(connection, limit=PAGE_SIZE, **wanted)
    )


def _change_page(engine: Engine, job_ids: Sequence[str], act: Act) -> list[Done]:
    """Change jobs in one transaction; if the database refuses it, each in its own."""

    def work(connection: Connection) -> list[Done]:
        return [_change(connection, job_id, act) for job_id in job_ids]

    try:
        return transactions.write(engine, work)
    except SQLAlchemyError as error:
        if len(job_ids) > 1:
            return [done for job_id in job_ids for done in _change_page(engine, [job_id], act)]
        return [Done(job_ids[0], refusal=f"The database says: {store.describe(error)}")]


def _change(connection: Connection, job_id: str, act: Act) -> Done:
    try:
        return Done(job_id, act(connection, job_id))
    except CoserverError as error:
        return Done(job_id, refusal=str(error))
