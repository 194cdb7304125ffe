"""Attempts that end without ending their jobs, which go back into their queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.store.database.family import Family
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.finish.attempt import end_attempt
from coserver_consumer.store.finish.canceller import explain_cancel
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import count_down, count_up, is_state

NEVER_EXPIRES: dict[str, Any] = {"expires_at": None}


def requeue_locked(connection: Connection, endings: Sequence[Ending]) -> None:
    """Put jobs back into their queues, each due after its delay. The caller has locked them."""
    if endings:
        _requeue.execute_many(connection, map(_to_row, endings))


def requeue_lost(
    connection: Connection, job_ids: Sequence[str], *, rescues: int, has_begun: bool
) -> None:
    """Put locked jobs back whose attempts nobody makes any more; these aren't counted.

    Each job gets a new run, so that an old attempt can't end it, and so many ``rescues`` more.
    One that ``has_begun`` doesn't expire any more.
    """
    if job_ids:
        lost = sa.update(tables.job).where(tables.job.c.id.in_(job_ids))
        expiry = NEVER_EXPIRES if has_begun else {}
        connection.execute(lost.values(_as_lost(rescues) | expiry))


def requeue_finishing(connection: Connection, key: RunKey) -> bool:
    """Put a job back whose effect never was committed, as a rescue does.

    If somebody had cancelled it before the vote it ends as cancelled; nobody can do so later.
    Returns False if it isn't finishing in this run any more.
    """
    if _is_cancelled(connection, key):
        reason = f"{explain_cancel(connection, key.job_id)}; what it did was never committed"
        return end_attempt(
            connection, key, was=State.FINISHING, state=State.CANCELLED, error=reason
        )
    lost = sa.update(tables.job).where(*_is_finishing(key))
    requeued = lost.values(_as_lost(1) | NEVER_EXPIRES | {"voted_at": None})
    return connection.execute(requeued).rowcount == 1


def _is_cancelled(connection: Connection, key: RunKey) -> bool:
    asked = sa.select(tables.job.c.id).where(
        *_is_finishing(key), tables.job.c.cancel_at.is_not(None)
    )
    return connection.execute(asked).first() is not None


def _is_finishing(key: RunKey) -> list[sa.ColumnElement[bool]]:
    job = tables.job.c
    return [job.id == key.job_id, job.run == key.run, is_state(State.FINISHING)]


def _as_lost(rescues: int) -> dict[str, Any]:
    job = tables.job.c
    return {
        "state": State.READY.value,
        "run": count_up(job.run),
        "attempt": count_down(job.attempt),
        "rescues": count_up(job.rescues, rescues),
        "consumer": None,
        "deadline_at": None,
    }


@Statement
def _requeue(_family: Family) -> sa.Executable:
    job = tables.job.c
    wait = parameter("wait", type_=sa.BigInteger)
    return (
        sa.update(tables.job)
        .where(job.id == parameter("id"))
        .values(
            state=parameter("state"),
            run_at=sa.case((wait == 0, job.run_at), else_=Now() + wait),
            attempt=count_down(job.attempt, parameter("uncounted", type_=sa.Integer)),
            expires_at=sa.case((parameter("has_begun", type_=sa.Integer) == 0, job.expires_at)),
            consumer=None,
            deadline_at=None,
        )
    )


def _to_row(ending: Ending) -> dict[str, Any]:
    wait = max(0, round(ending.delay * SECOND))
    return {
        "id": ending.key.job_id,
        "state": (State.SCHEDULED if wait else State.READY).value,
        "wait": wait,
        "uncounted": 0 if ending.counted else 1,
        "has_begun": int(ending.has_begun),
    }
