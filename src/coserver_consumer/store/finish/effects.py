"""Jobs that end with the commit of their own effect in the ZODB.

In the vote of that transaction the job becomes ``finishing``; when the ZODB has finished it moves
to the history. Between the two nobody else may end it: whether the effect is there, only the ZODB
knows, and the resolver asks it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.store.database.family import Family
from coserver_consumer.store.database.statement import Statement, parameter
from coserver_consumer.store.finish.dependents import end_run
from coserver_consumer.store.finish.history import MAX_RESULT, hold_run
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now
from coserver_consumer.store.schema.fragments import count_down, count_up, is_state

# Why nothing can be told of a transaction.
PACKED = "the ZODB was packed, or restored from a backup, meanwhile"


def hold_running(connection: Connection, key: RunKey) -> bool:
    """Lock the job; return False if the run isn't the current one any more."""
    return hold_run(connection, key, was=State.RUNNING)


def vote(connection: Connection, key: RunKey, *, evidence: dict[str, Any]) -> bool:
    """Make a running job ``finishing``; return False if the run isn't the current one any more.

    ``evidence`` tells the resolver where to look for the transaction.
    """
    voted = _vote.execute(connection, job_id=key.job_id, run=key.run, evidence=evidence)
    return voted.rowcount == 1


@Statement
def _vote(_family: Family) -> sa.Executable:
    job = tables.job.c
    return (
        sa.update(tables.job)
        .where(
            job.id == parameter("job_id"),
            job.run == parameter("run"),
            is_state(State.RUNNING),
        )
        .values(
            state=sa.literal_column(f"'{State.FINISHING.value}'"),
            voted_at=Now(),
            evidence=parameter("evidence", type_=job.evidence.type),
        )
    )


def complete(
    connection: Connection,
    key: RunKey,
    result: Any = None,
    *,
    state: State = State.FINISHING,
    max_result: int = MAX_RESULT,
) -> bool:
    """End a job whose effect is committed; return False if it isn't in ``state`` any more.

    ``state`` RUNNING is for an attempt without an effect in the ZODB: it had no vote to wait for.
    """
    return end_run(
        connection, key, was=state, state=State.COMPLETED, result=result, max_result=max_result
    )


def revoke(connection: Connection, key: RunKey) -> bool:
    """Give a finishing job back whose effect never was committed, as a rescue does.

    If somebody had cancelled it before the vote, it is cancelled; nobody can from then on.
    """
    job = tables.job.c
    asked = sa.select(job.id).where(
        job.id == key.job_id, is_state(State.FINISHING), job.cancel_at.is_not(None)
    )
    if connection.execute(asked).first():
        reason = "cancelled; what it did was never committed"
        return end_run(connection, key, was=State.FINISHING, state=State.CANCELLED, error=reason)
    statement = (
        sa.update(tables.job)
        .where(job.id == key.job_id, job.run == key.run, is_state(State.FINISHING))
        .values(
            state=State.READY.value,
            run=count_up(job.run),
            attempt=count_down(job.attempt),
            rescues=count_up(job.rescues),
            consumer=None,
            deadline_at=None,
            voted_at=None,
        )
    )
    return connection.execute(statement).rowcount == 1


def lose(connection: Connection, key: RunKey, *, why: str = PACKED) -> bool:
    """End a finishing job as unknown: the evidence of its effect is gone."""
    reason = f"Whether it ran to its end can't be told: {why}."
    return end_run(connection, key, was=State.FINISHING, state=State.UNKNOWN, error=reason)
