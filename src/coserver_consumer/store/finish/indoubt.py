"""Jobs whose transaction is in doubt: their process died around a commit, so the ZODB is asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.indoubt import Fate, Mark, Question, run_mark
from coserver_consumer.model.job import RunKey, State
from coserver_consumer.store.finish.attempt import end_attempt
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import is_state

MAX_NAME_CHARS = 190  # of a database
EVIDENCE_KEYS = ("database", "base_tid", "marker", "witness")


def find_in_doubt(
    connection: Connection,
    *,
    older_than: float = 10,
    behind: Question | None = None,
    limit: int = 1000,
) -> list[Question]:
    """Return what to ask about jobs staged or finishing for more than ``older_than`` seconds.

    One question for each batch and for each run, those ``behind`` one that was returned before.
    """
    job = tables.job.c
    age = Now() - sa.func.coalesce(job.voted_at, job.created_at)
    query = (
        sa.select(
            *(job.id, job.run, job.state, job.batch, job.evidence, job.created_at),
            age.label("age"),
        )
        .where(
            is_state(State.STAGED, State.FINISHING),
            sa.func.coalesce(job.voted_at, job.created_at) < Now() - round(older_than * SECOND),
        )
        .order_by(job.created_at, job.id)
        .limit(limit)
    )
    if behind is not None:
        query = query.where(_is_behind(behind))
    return _without_repeats(_to_question(row) for row in connection.execute(query))


def still_asks(connection: Connection, question: Question) -> bool:
    """Return True unless the job has other evidence now than when the question was found.

    It was given some that is still there, after the ZODB was restored from a backup.
    """
    query = sa.select(tables.job.c.evidence).where(tables.job.c.id == question.job_id)
    row = connection.execute(query).first()
    return row is None or _to_evidence(row.evidence) == question.evidence


def abandon_finishing(connection: Connection, key: RunKey, *, fate: Fate = Fate.PACKED) -> bool:
    """End a job as unknown, since nobody can tell whether its effect was committed.

    Returns False if it isn't finishing in this run any more.
    """
    reason = f"Whether it ran to its end can't be told: {fate.why}."
    return end_attempt(connection, key, was=State.FINISHING, state=State.UNKNOWN, error=reason)


def _is_behind(last: Question) -> sa.ColumnElement[bool]:
    job = tables.job.c
    is_next = sa.and_(job.created_at == last.created_at, job.id > last.job_id)
    return sa.or_(job.created_at > last.created_at, is_next)


def find_dropped(
    connection: Connection, *, younger_than: float = 86_400, limit: int = 1000
) -> list[Question]:
    """Return what to ask again about batches dropped less than ``younger_than`` seconds ago."""
    ended = tables.history.c
    query = (
        sa.select(
            *(ended.id, ended.run, ended.state, ended.batch, ended.evidence, ended.created_at),
            sa.literal(0).label("age"),
        )
        .where(
            ended.state == sa.literal_column("'dropped'"),
            ended.batch.is_not(None),
            ended.ended_at > Now() - round(younger_than * SECOND),
        )
        .order_by(ended.id.desc())
        .limit(limit)
    )
    return _without_repeats(_to_question(row) for row in connection.execute(query))


def _to_question(row: sa.Row[*tuple[Any, ...]]) -> Question:
    is_run = row.state == State.FINISHING
    return Question(
        mark=Mark.RUN if is_run else Mark.BATCH,
        value=run_mark(row.id, row.run) if is_run else row.batch,
        evidence=_to_evidence(row.evidence),
        job_id=row.id,
        created_at=row.created_at,
        age=row.age / SECOND,
    )


def _to_evidence(value: Any) -> dict[str, Any]:
    """Return the evidence for Zope; another program may have written anything, of any size."""
    evidence = value if isinstance(value, dict) else {}
    return {
        key: found
        for key in EVIDENCE_KEYS
        if isinstance(found := evidence.get(key), int)
        or (isinstance(found, str) and len(found) <= MAX_NAME_CHARS)
    }


def _without_repeats(questions: Iterable[Question]) -> list[Question]:
    """Keep one of those about the same transaction: the last, so that all rows lie before it."""
    found: dict[tuple[Mark, str], Question] = {}
    for question in questions:
        found.pop((question.mark, question.value), None)
        found[question.mark, question.value] = question
    return list(found.values())
