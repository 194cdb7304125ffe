"""Jobs that end with the commit of their own effect in the ZODB.

In the vote of that transaction the job becomes ``finishing``; when the ZODB has finished it moves
to the history. Between the two nobody else may end it: whether the effect is there, only the ZODB
knows, and the resolver asks it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.job import RunKey, State
from coserver_consumer.store import schema
from coserver_consumer.store.clock import Now
from coserver_consumer.store.history import MAX_RESULT, move_to_history
from coserver_consumer.store.sql import is_state, locked


def hold_running(connection: Connection, key: RunKey) -> bool:
    """Lock the job; return False if the run isn't the current one any more."""
    return _hold(connection, key, State.RUNNING)


def vote(connection: Connection, key: RunKey, *, evidence: dict[str, Any]) -> bool:
    """Make a running job ``finishing``; return False if the run isn't the current one any more.

    ``evidence`` tells the resolver where to look for the transaction.
    """
    statement = (
        sa.update(schema.job)
        .where(*_is_run(key, State.RUNNING))
        .values(state=State.FINISHING.value, voted_at=Now(), evidence=evidence)
    )
    return connection.execute(statement).rowcount == 1


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
    if not _hold(connection, key, state):
        return False
    move_to_history(
        connection, [key.job_id], state=State.COMPLETED, result=result, max_result=max_result
    )
    return True


def revoke(connection: Connection, key: RunKey) -> bool:
    """Give a finishing job back whose effect never was committed, as a rescue does."""
    job = schema.job.c
    statement = (
        sa.update(schema.job)
        .where(*_is_run(key, State.FINISHING))
        .values(
            state=State.READY.value,
            run=job.run + 1,
            attempt=job.attempt - 1,
            rescues=job.rescues + 1,
            consumer=None,
            deadline_at=None,
            voted_at=None,
        )
    )
    return connection.execute(statement).rowcount == 1


def lose(connection: Connection, key: RunKey) -> bool:
    """End a finishing job as unknown: the evidence of its effect was packed away."""
    if not _hold(connection, key, State.FINISHING):
        return False
    reason = "Whether it ran to its end can't be told: the ZODB was packed meanwhile."
    move_to_history(connection, [key.job_id], state=State.UNKNOWN, error=reason)
    return True


def _hold(connection: Connection, key: RunKey, state: State) -> bool:
    query = sa.select(schema.job.c.id).where(*_is_run(key, state))
    return connection.execute(locked(connection, query)).scalar() is not None


def _is_run(key: RunKey, state: State) -> tuple[sa.ColumnElement[bool], ...]:
    job = schema.job.c
    return job.id == key.job_id, job.run == key.run, is_state(state)
