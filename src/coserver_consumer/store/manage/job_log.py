"""Lines that jobs log about themselves."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.job import RunKey, State
from coserver_consumer.store.finish.results import cap_error
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.fragments import is_state

MAX_LINES = 200  # of a job; of more, the last ones are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a job said in an attempt; ``at`` is in microseconds since the epoch."""

    attempt: int
    text: str
    at: int


def add_line(connection: Connection, key: RunKey, text: str) -> bool:
    """Keep a line of a run; return False if it isn't the current run any more."""
    job = tables.job.c
    source = sa.select(
        job.id, job.attempt, sa.literal(cap_error(text), tables.line.c.text.type)
    ).where(job.id == key.job_id, job.run == key.run, is_state(State.RUNNING))
    statement = sa.insert(tables.line).from_select(
        ["job_id", "attempt", "text"], source, include_defaults=False
    )
    written = connection.execute(statement, execution_options={"preserve_rowcount": True})
    _forget_oldest(connection, key.job_id)
    return written.rowcount == 1


def lines(connection: Connection, job_id: str) -> list[Line]:
    """Return what a job said, the first line first."""
    line = tables.line.c
    query = sa.select(line.attempt, line.text, line.at).where(line.job_id == job_id)
    return [Line(**row) for row in connection.execute(query.order_by(line.id)).mappings()]


def _forget_oldest(connection: Connection, job_id: str) -> None:
    line = tables.line.c
    newest = sa.select(line.id).where(line.job_id == job_id).order_by(line.id.desc())
    too_old = connection.execute(newest.offset(MAX_LINES).limit(1)).scalar()
    if too_old is not None:
        connection.execute(sa.delete(tables.line).where(line.job_id == job_id, line.id <= too_old))
