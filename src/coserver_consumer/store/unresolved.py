"""Jobs of which only the ZODB knows what became: their process died around a commit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.job import State
from coserver_consumer.store import schema
from coserver_consumer.store.clock import SECOND, Now
from coserver_consumer.store.sql import is_state
from coserver_consumer.verdict import Mark, Question, run_mark


def find_unresolved(
    connection: Connection, *, older_than: float = 10, limit: int = 1000
) -> list[Question]:
    """Return what to ask about jobs staged or finishing for more than ``older_than`` seconds.

    One question for each batch and for each run.
    """
    job = schema.job.c
    query = (
        sa.select(job.id, job.run, job.state, job.batch, job.evidence)
        .where(
            is_state(State.STAGED, State.FINISHING),
            sa.func.coalesce(job.voted_at, job.created_at) < Now() - round(older_than * SECOND),
        )
        .order_by(job.created_at)
        .limit(limit)
    )
    return _without_twins(_to_question(row) for row in connection.execute(query))


def find_dropped(
    connection: Connection, *, younger_than: float = 86_400, limit: int = 1000
) -> list[Question]:
    """Return what to ask again about batches dropped less than ``younger_than`` seconds ago."""
    ended = schema.history.c
    query = (
        sa.select(ended.id, ended.run, ended.state, ended.batch, ended.evidence)
        .where(
            ended.state == sa.literal_column("'dropped'"),
            ended.ended_at > Now() - round(younger_than * SECOND),
        )
        .order_by(ended.id.desc())
        .limit(limit)
    )
    return _without_twins(_to_question(row) for row in connection.execute(query))


def _to_question(row: sa.Row[*tuple[Any, ...]]) -> Question:
    evidence = row.evidence if isinstance(row.evidence, dict) else {}
    if row.state == State.FINISHING:
        return Question(mark=Mark.RUN, value=run_mark(row.id, row.run), evidence=evidence)
    return Question(mark=Mark.BATCH, value=row.batch or "", evidence=evidence)


def _without_twins(questions: Iterable[Question]) -> list[Question]:
    return list({(question.mark, question.value): question for question in questions}.values())
