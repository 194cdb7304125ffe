"""Changes of many jobs, page by page.

Each page is a transaction of a few statements. A job that can't be changed keeps no other from
being changed, nor does one that somebody else has locked: it is tried again at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from coserver_consumer import store
from coserver_consumer.model.errors import CoserverError, StoreUnavailable
from coserver_consumer.model.job import State
from coserver_consumer.producer import transactions
from coserver_consumer.producer.filters import split_ids
from coserver_consumer.producer.notifier import find_notifier
from coserver_consumer.store import manage

PAGE_SIZE = 200  # jobs that are changed in one transaction
NOT_FOUND = "No job has the id {}, or the filter doesn't let it through."


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A change of jobs; both functions raise ``CoserverError`` before they have changed anything.

    ``one`` changes the job of an id. ``many`` changes those of the jobs that need nothing of their
    own, whose rows are locked, and returns by id what ``one`` would.
    """

    one: Callable[[Connection, str], object]
    many: Callable[[Connection, Sequence[str]], Mapping[str, object]]


def make_act(
    one: Callable[..., object], many: Callable[..., Mapping[str, object]], **how: Any
) -> Act:
    """Return the act of two functions that take the same keywords."""
    return Act(one=partial(one, **how), many=partial(many, **how))


class Done(NamedTuple):
    """What came of one job: what ``Act.one`` returns, or why it wasn't changed."""

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
    """What came of many jobs: how many were changed, and which weren't.

    ``asked_to_stop``: how many of the changed ones run on until their tasks heed it.
    """

    changed: int
    asked_to_stop: int = 0
    refused: tuple[Refusal, ...] = ()


def change_all(engine: Engine, wanted: dict[str, Any], act: Act) -> Iterator[Done]:
    """Change the jobs that are wanted, the newest first; yield what came of each.

    No job is met twice, whatever state it is in afterwards. A job that is queued meanwhile is left
    alone. What others have locked is waited for at the end. Of ids that are wanted each is yielded,
    also one that no such job has.
    """
    for part in split_ids(wanted):
        left = dict.fromkeys(part.get("ids", ()))
        for done in _change_found(engine, part, act):
            left.pop(done.job_id, None)
            yield done
        yield from [Done(job_id, refusal=NOT_FOUND.format(job_id)) for job_id in left]


def _change_found(engine: Engine, wanted: dict[str, Any], act: Act) -> Iterator[Done]:
    before, held = wanted.get("before"), []
    while page := _find_page(engine, wanted | {"before": before}):
        done = _change_page(engine, page, act, skip=True)
        yield from done
        held += sorted(set(page).difference(each.job_id for each in done), reverse=True)
        before = page[-1]
    for start in range(0, len(held), PAGE_SIZE):
        yield from _change_page(engine, held[start : start + PAGE_SIZE], act, skip=False)


def sum_up(done: Iterable[Done]) -> Changes:
    """Return what came of the jobs together."""
    changed, running, refused = 0, 0, []
    for each in done:
        if each.refusal is None:
            changed += 1
            running += each.answer is State.RUNNING
        else:
            refused.append(Refusal(job_id=each.job_id, reason=each.refusal))
    return Changes(changed=changed, asked_to_stop=running, refused=tuple(refused))


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


def _change_page(engine: Engine, job_ids: Sequence[str], act: Act, *, skip: bool) -> list[Done]:
    """Change jobs in one transaction; if the database refuses it, each in its own.

    ``skip``: without those that others have locked, of which nothing is returned.
    """

    def work(connection: Connection) -> list[Done]:
        free = manage.lock_jobs(connection, job_ids, skip=skip)
        return _change(connection, [each for each in job_ids if each in free or not skip], act)

    try:
        return transactions.write(engine, work)
    except SQLAlchemyError:
        return [_change_alone(engine, job_id, act) for job_id in job_ids]
    except StoreUnavailable as error:
        if not store.is_lock_timeout(error.__cause__):
            raise
        return [_change_alone(engine, job_id, act) for job_id in job_ids]


def _change_alone(engine: Engine, job_id: str, act: Act) -> Done:
    try:
        return transactions.write(engine, lambda connection: _change_one(connection, job_id, act))
    except SQLAlchemyError as error:
        return Done(job_id, refusal=f"The database says: {store.describe(error)}")
    except StoreUnavailable as error:
        if not store.is_lock_timeout(error.__cause__):
            raise
        return Done(job_id, refusal=str(error))


def _change(connection: Connection, job_ids: Sequence[str], act: Act) -> list[Done]:
    try:
        answers = act.many(connection, job_ids) if job_ids else {}
    except CoserverError:  # which each of them is told
        answers = {}
    return [
        Done(job_id, answers[job_id]) if job_id in answers else _change_one(connection, job_id, act)
        for job_id in job_ids
    ]


def _change_one(connection: Connection, job_id: str, act: Act) -> Done:
    try:
        return Done(job_id, act.one(connection, job_id))
    except CoserverError as error:
        return Done(job_id, refusal=str(error))
