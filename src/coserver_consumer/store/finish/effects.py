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
from coserver_consumer.store.finish.attempt import end_attempt, lock_attempt
from coserver_consumer.store.finish.results import MAX_RESULT_CHARS
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import Now
from coserver_consumer.store.schema.fragments import is_state


def lock_running(connection: Connection, key: RunKey) -> bool:
    """Lock the job; return False if it isn't running in this run any more."""
    return lock_attempt(connection, key, was=State.RUNNING)


def vote(connection: Connection, key: RunKey, *, evidence: dict[str, Any]) -> bool:
    """Make a running job ``finishing``; return False if it isn't running in this run any more.

    ``evidence`` is where the resolver looks for the transaction.
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


def complete_running(
    connection: Connection, key: RunKey, result: Any = None, *, max_result: int = MAX_RESULT_CHARS
) -> bool:
    """End a job without an effect in the ZODB, which needs no vote; return False if it isn't ours.

    That is if it isn't running in this run any more.
    """
    return _complete(connection, key, State.RUNNING, result, max_result)


def complete_finishing(
    connection: Connection, key: RunKey, result: Any = None, *, max_result: int = MAX_RESULT_CHARS
) -> bool:
    """End a job whose effect is committed; return False if it isn't finishing in this run."""
    return _complete(connection, key, State.FINISHING, result, max_result)


def _complete(
    connection: Connection, key: RunKey, was: State, result: Any, max_result: int
) -> bool:
    return end_attempt(
        connection, key, was=was, state=State.COMPLETED, result=result, max_result=max_result
    )
