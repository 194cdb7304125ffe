"""Endings of attempts, each guarded by its run: a stale consumer changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.job import RunKey, State
from coserver_consumer.lifecycle import Ending, heed_cancel
from coserver_consumer.store import schema
from coserver_consumer.store.clock import SECOND, Now
from coserver_consumer.store.history import MAX_RESULT, cap_error, move_to_history
from coserver_consumer.store.sql import is_state, locked

MAX_TRACEBACK = 32_768  # characters


def finish(
    connection: Connection, endings: Iterable[Ending], *, max_result: int = MAX_RESULT
) -> set[RunKey]:
    """Write how attempts ended; return those that were still ours.

    An ending whose run isn't the job's current one, or whose job isn't running, changes nothing.
    An attempt that the store has as ended already was ours too: it was told twice, or its own
    transaction completed it.
    """
    told = {ending.key: ending for ending in endings}
    asked_to_cancel = _hold(connection, told)
    ours = [heed_cancel(told[key], asked=asked) for key, asked in asked_to_cancel.items()]
    _write_errors(connection, ours)
    _give_back(connection, [ending for ending in ours if ending.state.is_live])
    _end(connection, [ending for ending in ours if not ending.state.is_live], max_result)
    return set(asked_to_cancel) | _ended(connection, told.keys() - asked_to_cancel.keys())


def _ended(connection: Connection, keys: set[RunKey]) -> set[RunKey]:
    """Return those of the runs that are history."""
    if not keys:
        return set()
    ended = schema.history.c
    query = sa.select(ended.id, ended.run).where(ended.id.in_([key.job_id for key in keys]))
    return {RunKey(*row) for row in connection.execute(query)} & keys


def _hold(connection: Connection, told: dict[RunKey, Ending]) -> dict[RunKey, bool]:
    """Lock the jobs that are still ours; return them with whether somebody asked to cancel."""
    if not told:
        return {}
    job = schema.job.c
    query = sa.select(job.id, job.run, job.cancel_at).where(
        job.id.in_([key.job_id for key in told]), is_state(State.RUNNING)
    )
    rows = connection.execute(locked(connection, query)).all()
    found = {RunKey(job_id, run): cancel_at is not None for job_id, run, cancel_at in rows}
    return {key: asked for key, asked in found.items() if key in told}


def _write_errors(connection: Connection, endings: Sequence[Ending]) -> None:
    """Keep one row for each attempt that failed."""
    job = schema.job.c
    for ending in endings:
        if ending.error is None or ending.state is State.CANCELLED:
            continue
        source = sa.select(
            job.id,
            job.run,
            job.attempt,
            job.consumer,
            sa.literal(cap_error(ending.error)).label("error"),
            sa.literal(cap_error(ending.traceback, MAX_TRACEBACK), sa.Text).label("traceback"),
        ).where(job.id == ending.key.job_id)
        names = ["job_id", "run", "attempt", "consumer", "error", "traceback"]
        connection.execute(
            sa.insert(schema.error).from_select(names, source, include_defaults=False)
        )


def _give_back(connection: Connection, endings: Sequence[Ending]) -> None:
    """Put jobs back into their queues, due after the delay."""
    if not endings:
        return
    job = schema.job.c
    statement = (
        sa.update(schema.job)
        .where(job.id == sa.bindparam("b_id"))
        .values(
            state=sa.bindparam("b_state"),
            run_at=sa.case(
                (sa.bindparam("b_wait", type_=sa.BigInteger) == 0, job.run_at),
                else_=Now() + sa.bindparam("b_wait", type_=sa.BigInteger),
            ),
            attempt=job.attempt - sa.bindparam("b_uncounted", type_=sa.Integer),
            consumer=None,
            deadline_at=None,
        )
    )
    connection.execute(statement, [_back(ending) for ending in endings])


def _back(ending: Ending) -> dict[str, Any]:
    wait = round(ending.delay * SECOND)
    return {
        "b_id": ending.key.job_id,
        "b_state": (State.SCHEDULED if wait > 0 else State.READY).value,
        "b_wait": max(0, wait),
        "b_uncounted": 0 if ending.counted else 1,
    }


def _end(connection: Connection, endings: Sequence[Ending], max_result: int) -> None:
    """Move jobs to the history, those that ended alike in one statement."""

    def fate(ending: Ending) -> tuple[str, str, str]:
        return ending.state.value, repr(ending.result), ending.error or ""

    for _, alike in groupby(sorted(endings, key=fate), key=fate):
        group = list(alike)
        move_to_history(
            connection,
            [ending.key.job_id for ending in group],
            state=group[0].state,
            result=group[0].result,
            error=group[0].error,
            max_result=max_result,
        )
