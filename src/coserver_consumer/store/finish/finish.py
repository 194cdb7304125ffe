"""The ends of many attempts, each guarded by its run: a stale consumer changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.model.lifecycle import Ending, heed_cancel
from coserver_consumer.store.database.family import Family, find_family
from coserver_consumer.store.database.statement import Statement, is_one_of
from coserver_consumer.store.finish.canceller import explain_cancel
from coserver_consumer.store.finish.complete_many import complete_childless
from coserver_consumer.store.finish.dependents import resolve_dependents
from coserver_consumer.store.finish.events import note_ends
from coserver_consumer.store.finish.history import move_locked
from coserver_consumer.store.finish.requeue import requeue_locked
from coserver_consumer.store.finish.results import MAX_RESULT_CHARS, cap_error
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.fragments import by_index, is_state, locked

MAX_TRACEBACK_CHARS = 32_768


def end_attempts(
    connection: Connection, endings: Iterable[Ending], *, max_result: int = MAX_RESULT_CHARS
) -> dict[RunKey, Ending]:
    """Write how attempts ended; return those that were still ours, each with what was written.

    An ending whose run isn't the job's current one, or whose job isn't running, changes nothing.
    An attempt that the store has as ended already was ours too: its ending came twice, or its own
    transaction completed it. A job that somebody has cancelled ends as cancelled, unless it is
    completed.
    """
    given = {ending.key: ending for ending in endings}
    done = _complete_many(connection, given, max_result)
    left = {key: ending for key, ending in given.items() if key not in done} if done else given
    return done | (_end_any(connection, left, max_result) if left else {})


def _complete_many(
    connection: Connection, given: dict[RunKey, Ending], max_result: int
) -> dict[RunKey, Ending]:
    """Write what is most endings, where one statement or two do it; return those."""
    results = {
        key: ending.result for key, ending in given.items() if ending.state is State.COMPLETED
    }
    if not results or not _can_complete_many(find_family(connection)):
        return {}
    completed = {key: given[key] for key in results}
    if complete_childless(connection, results, max_result=max_result):
        return completed
    return _find_ended(connection, completed)


def _can_complete_many(family: Family) -> bool:
    match family:
        case Family.SQLITE | Family.POSTGRESQL:
            return True
        case Family.MYSQL:
            return False
        case _:
            assert_never(family)


def _end_any(
    connection: Connection, given: dict[RunKey, Ending], max_result: int
) -> dict[RunKey, Ending]:
    """Write endings of every kind; return those that were still ours."""
    ours = _lock_attempts(connection, given)
    _write_errors(connection, [given[key] for key in ours])
    endings = [_heed_cancel(connection, given[key], ours[key]) for key in ours]
    requeue_locked(connection, [ending for ending in endings if ending.state.is_live])
    ended = [ending for ending in endings if not ending.state.is_live]
    _move_alike(connection, ended, max_result)
    resolve_dependents(
        connection,
        {ending.key.job_id: ending.state for ending in ended if ours[ending.key].is_parent},
    )
    others = {key: given[key] for key in given.keys() - ours.keys()}
    return {ending.key: ending for ending in endings} | _find_ended(connection, others)


def _heed_cancel(connection: Connection, ending: Ending, ours: Ours) -> Ending:
    asked = explain_cancel(connection, ending.key.job_id) if ours.is_cancelled else None
    return heed_cancel(ending, asked=asked)


def _find_ended(connection: Connection, given: dict[RunKey, Ending]) -> dict[RunKey, Ending]:
    """Return those whose runs are history, each with the end that is written there."""
    if not given:
        return {}
    ended = tables.history.c
    query = sa.select(ended.id, ended.run, ended.state, ended.error)
    rows = connection.execute(query.where(ended.id.in_([key.job_id for key in given])))
    found = {RunKey(row.id, row.run): row for row in rows}
    return {
        key: ending._replace(state=State(found[key].state), error=found[key].error)
        for key, ending in given.items()
        if key in found
    }


class Ours(NamedTuple):
    """A job that is ours: whether somebody asked to cancel it, and whether others wait for it."""

    is_cancelled: bool
    is_parent: bool


def _lock_attempts(connection: Connection, given: dict[RunKey, Ending]) -> dict[RunKey, Ours]:
    """Lock the jobs that are still ours and return them."""
    rows = _lock.execute(connection, ids=[key.job_id for key in given])
    found = {
        RunKey(row.id, row.run): Ours(row.cancel_at is not None, row.is_parent) for row in rows
    }
    return {key: ours for key, ours in found.items() if key in given}


@Statement
def _lock(family: Family) -> sa.Executable:
    job = tables.job.c
    query = sa.select(job.id, job.run, job.cancel_at, job.is_parent).where(
        is_one_of(family, job.id, "ids"), is_state(State.RUNNING)
    )
    return locked(family, by_index(family, query))


def _write_errors(connection: Connection, endings: Sequence[Ending]) -> None:
    """Keep one row for each attempt that failed."""
    job = tables.job.c
    for ending in endings:
        if ending.error is None or ending.state is State.CANCELLED:
            continue
        traceback = sa.literal(cap_error(ending.traceback, MAX_TRACEBACK_CHARS), sa.Text)
        source = sa.select(
            job.id,
            job.run,
            job.attempt,
            job.consumer,
            sa.literal(cap_error(ending.error)).label("error"),
            traceback.label("traceback"),
        ).where(job.id == ending.key.job_id)
        names = ["job_id", "run", "attempt", "consumer", "error", "traceback"]
        connection.execute(
            sa.insert(tables.error).from_select(names, source, include_defaults=False)
        )


def _move_alike(connection: Connection, endings: Sequence[Ending], max_result: int) -> None:
    """Move jobs to the history, those that ended alike in one statement."""

    def kind(ending: Ending) -> tuple[str, str, str]:
        return ending.state.value, repr(ending.result), ending.error or ""

    for _, alike in groupby(sorted(endings, key=kind), key=kind):
        group = list(alike)
        ids, state, error = [ending.key.job_id for ending in group], group[0].state, group[0].error
        note_ends(connection, ids, state=state, error=error)
        move_locked(
            connection,
            ids,
            state=state,
            result=group[0].result,
            error=error,
            max_result=max_result,
        )
